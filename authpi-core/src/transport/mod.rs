//! The seams to the world outside: time, randomness, tasks, CPU and the vault for keys. The host or
//! `authpi-transport` implements them; core calls nothing else that is not a pure function or the store.

mod clock;
mod entropy;
mod hooks;
mod mail;
mod network;
mod payment;
mod runtime;
mod vault;

pub use clock::{Clock, ManualClock, SystemClock};
pub use entropy::{Entropy, EntropyUnavailable, IdSource, SystemEntropy, alphanumeric};
pub use hooks::{HookFailure, Hooks};
pub use mail::{MailFailure, Mailer, OutgoingMail};
pub use network::{DnsFailure, DnsResolver, HttpClient, HttpFailure, IncomingAnswer, NoNetwork, OutgoingRequest};
pub use payment::{PaymentFailure, PaymentOrder, PaymentProvider, SetupIntent};
pub use runtime::{Compute, Executor, QueueFull, Transport};
pub use vault::{KeyVault, MasterKey, VaultError};
