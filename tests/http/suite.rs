use super::DRIVER;

mod clients;
mod organizations;
mod pipeline;
mod users;
