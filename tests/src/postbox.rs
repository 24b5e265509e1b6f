//! A mailer that keeps what it is given.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use authpi_core::transport::{MailFailure, Mailer, OutgoingMail};

/// Keeps every mail.
#[derive(Default)]
pub struct Postbox(Mutex<Vec<OutgoingMail>>);

#[async_trait]
impl Mailer for Postbox {
    async fn send(&self, mail: &OutgoingMail) -> Result<(), MailFailure> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(mail.clone());
        Ok(())
    }
}

impl Postbox {
    /// An empty one.
    pub fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// What came since the last look.
    pub fn news(&self) -> Vec<OutgoingMail> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The one mail that came since the last look.
    #[track_caller]
    pub fn only(&self) -> OutgoingMail {
        let mut news = self.news();
        let subjects: Vec<_> = news.iter().map(|mail| mail.subject.clone()).collect();
        assert_eq!(news.len(), 1, "{subjects:?}");
        news.pop().unwrap()
    }
}
