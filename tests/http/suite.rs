use super::DRIVER;

mod organizations;
mod pipeline;
