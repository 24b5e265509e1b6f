use super::DRIVER;

mod clients;
mod discovery;
mod organizations;
mod pipeline;
