use super::DRIVER;

mod clients;
mod events;
mod organizations;
mod pipeline;
