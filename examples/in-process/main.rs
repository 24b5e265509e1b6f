//! A host that makes an organization in process, without HTTP: one unit of work, with its event.

use async_trait::async_trait;
use authpi_core::error::Refusal;
use authpi_core::id::{AccountId, IssuerId};
use authpi_core::organization::model::Organization;
use authpi_core::organization::operations::{self, NewOrganization};
use authpi_core::store::Change;
use authpi_core::transport::MasterKey;
use authpi_core::urls::Urls;
use authpi_core::{AuthPi, Bootstrap, Work};

/// Signs a customer up: an organization of its own. More operations in `apply` would commit with it, or not at all.
struct SignUp {
    account: AccountId,
    issuer: IssuerId,
    name: String,
}

#[async_trait]
impl Work for SignUp {
    type Output = Organization;

    fn account(&self) -> AccountId {
        self.account
    }

    fn issuer(&self) -> Option<IssuerId> {
        Some(self.issuer)
    }

    async fn apply(&self, change: &mut Change<'_>) -> Result<Organization, Refusal> {
        operations::create(change, self.issuer, NewOrganization::named(&self.name)).await
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = authpi_storage::connect("sqlite::memory:").await?;
    let authpi = AuthPi::builder(store, MasterKey::new([7; 32]), Urls::under("http://127.0.0.1:3000")?)
        .transport(authpi_transport::tokio()?)
        .build()
        .await?;
    let Bootstrap::Pending(pending) = authpi.bootstrap("Main").await? else {
        return Err("a database in memory is always new".into());
    };
    let account = pending.commit().await?.account_id;
    let platform = authpi.services().platform().await?.ok_or("the platform was just made")?;

    let work = SignUp { account, issuer: platform.issuer_id, name: "Acme".to_owned() };
    let organization = authpi.run(&work).await?;
    show(&format!("{} is {}", organization.id, organization.details.name.unwrap_or_default()));
    Ok(())
}

#[allow(clippy::print_stdout, reason = "an example talks to a person")]
fn show(text: &str) {
    println!("{text}");
}
