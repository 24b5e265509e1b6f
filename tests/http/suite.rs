use super::DRIVER;

mod clients;
mod discovery;
mod events;
mod organizations;
mod pipeline;
