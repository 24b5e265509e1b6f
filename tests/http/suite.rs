use super::DRIVER;

mod accounts;
mod api_keys;
mod clients;
mod discovery;
mod events;
mod issuers;
mod members;
mod organizations;
mod pipeline;
mod users;
