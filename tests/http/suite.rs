use super::DRIVER;

mod discovery;
mod organizations;
mod pipeline;
