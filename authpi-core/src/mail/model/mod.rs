//! What a mail is until it is handed over, and when it is tried again.

mod letter;
mod queued;
mod tally;
mod template;

pub use letter::{Address, Content, FlowLetter, Letter, LinkToken, Notice};
pub use queued::{LEASE, Mail};
pub use tally::Tally;
pub use template::{NoticeSwitch, Template};
