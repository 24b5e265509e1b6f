//! Fills a database, the same way for the same number.

use std::sync::Mutex;

use async_trait::async_trait;
use authpi_core::credential::model::KeyLevel;
use authpi_core::credential::operations::{self as credentials, NewApiKey};
use authpi_core::error::Refusal;
use authpi_core::event::catalogue;
use authpi_core::event::model::{EventDraft, Subject};
use authpi_core::id::{AccountId, IssuerId, MemberId, OrganizationId, UserId};
use authpi_core::issuer::model::{IssuerDetails, IssuerStatus};
use authpi_core::issuer::operations::{self as issuers, NewIssuer};
use authpi_core::membership::model::NewMember;
use authpi_core::membership::operations as memberships;
use authpi_core::metadata::Metadata;
use authpi_core::organization::operations::{self as organizations, NewOrganization};
use authpi_core::scope::Scopes;
use authpi_core::store::Change;
use authpi_core::transport::{Entropy, EntropyUnavailable};
use authpi_core::user::model::{UserDetails, UserStatus, Username};
use authpi_core::user::operations::{self as users, Entry, NewUser};
use authpi_core::{AuthPi, Work};

/// Objects made in one unit of work.
const BATCH: usize = 500;

/// How many of each there are in the end, over all issuers.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Issuers, at least one.
    pub issuers: usize,
    /// Organizations.
    pub organizations: usize,
    /// Users.
    pub users: usize,
    /// Memberships; at most one for each user in each organization.
    pub memberships: usize,
    /// API keys of organizations.
    pub keys: usize,
    /// Events besides those that all this leaves.
    pub events: usize,
}

/// What was made first: where a measurement can begin.
#[derive(Clone, Debug)]
pub struct Seeded {
    /// The issuers, with their organizations and users.
    pub issuers: Vec<Tenant>,
}

/// One issuer of a seeded database.
#[derive(Clone, Debug)]
pub struct Tenant {
    /// The issuer.
    pub id: IssuerId,
    /// Its organizations, oldest first.
    pub organizations: Vec<OrganizationId>,
    /// Its users, oldest first.
    pub users: Vec<UserId>,
}

/// A stream of numbers that follows from a seed (SplitMix64). Not fit for secrets: the same seed gives the same ones.
pub struct SeededEntropy(Mutex<u64>);

impl SeededEntropy {
    /// The stream of `seed`.
    pub const fn new(seed: u64) -> Self {
        Self(Mutex::new(seed))
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyUnavailable> {
        let mut state = self.0.lock().map_err(|_| EntropyUnavailable)?;
        for chunk in bytes.chunks_mut(8) {
            *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = *state;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            chunk.copy_from_slice(&(mixed ^ (mixed >> 31)).to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

/// Makes all that the plan asks for in `account`. `progress` is told the kind and how many of it are done.
///
/// # Panics
/// When something cannot be made.
pub async fn fill(
    authpi: &AuthPi,
    account: AccountId,
    plan: Plan,
    mut progress: impl FnMut(&'static str, usize),
) -> Seeded {
    let mut seeded = Seeded { issuers: Vec::new() };
    for number in 0..plan.issuers.max(1) {
        let root = authpi.services().new_root().await.unwrap();
        let id = root.issuer_id;
        authpi.run(&Issuer { account, number, root: &root }).await.unwrap();
        seeded.issuers.push(Tenant { id, organizations: Vec::new(), users: Vec::new() });
        progress("issuers", number + 1);
    }
    let mut done = [0; 5];
    let count = seeded.issuers.len();
    for (position, tenant) in seeded.issuers.iter_mut().enumerate() {
        let share = |total: usize| total / count + usize::from(position < total % count);
        let batch = |kind, from, to| Batch { account, issuer: tenant.id, kind, from, to };
        for (from, to) in batches(share(plan.organizations)) {
            let made = authpi.run(&batch(Kind::Organizations, from, to)).await.unwrap();
            done[0] += to - from;
            tenant.organizations.extend(made.organizations);
            progress("organizations", done[0]);
        }
        for (from, to) in batches(share(plan.users)) {
            let made = authpi.run(&Batch { account, issuer: tenant.id, kind: Kind::Users, from, to }).await.unwrap();
            done[1] += to - from;
            tenant.users.extend(made.users);
            progress("users", done[1]);
        }
        let dependent =
            [("memberships", share(plan.memberships)), ("keys", share(plan.keys)), ("events", share(plan.events))];
        for (slot, (name, total)) in dependent.into_iter().enumerate() {
            for (from, to) in batches(total) {
                let kind = match name {
                    "memberships" => Kind::Memberships(tenant),
                    "keys" => Kind::Keys(tenant),
                    _ => Kind::Events,
                };
                authpi.run(&Batch { account, issuer: tenant.id, kind, from, to }).await.unwrap();
                done[slot + 2] += to - from;
                progress(name, done[slot + 2]);
            }
        }
    }
    seeded
}

fn batches(total: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..total).step_by(BATCH).map(move |from| (from, (from + BATCH).min(total)))
}

struct Issuer<'a> {
    account: AccountId,
    number: usize,
    root: &'a authpi_core::keyring::NewRoot,
}

#[async_trait]
impl Work for Issuer<'_> {
    type Output = ();

    fn account(&self) -> AccountId {
        self.account
    }

    fn issuer(&self) -> Option<IssuerId> {
        None
    }

    async fn apply(&self, change: &mut Change<'_>) -> Result<(), Refusal> {
        let new = NewIssuer {
            account_id: self.account,
            root: self.root,
            platform: false,
            status: IssuerStatus::Active,
            details: IssuerDetails { name: format!("Issuer {}", self.number), ..IssuerDetails::default() },
            metadata: Metadata::default(),
        };
        issuers::create(change, new).await.map(drop)
    }
}

enum Kind<'a> {
    Organizations,
    Users,
    Memberships(&'a Tenant),
    Keys(&'a Tenant),
    Events,
}

struct Batch<'a> {
    account: AccountId,
    issuer: IssuerId,
    kind: Kind<'a>,
    from: usize,
    to: usize,
}

#[derive(Default)]
struct Made {
    organizations: Vec<OrganizationId>,
    users: Vec<UserId>,
}

#[async_trait]
impl Work for Batch<'_> {
    type Output = Made;

    fn account(&self) -> AccountId {
        self.account
    }

    fn issuer(&self) -> Option<IssuerId> {
        Some(self.issuer)
    }

    async fn apply(&self, change: &mut Change<'_>) -> Result<Made, Refusal> {
        let mut made = Made::default();
        for number in self.from..self.to {
            match &self.kind {
                Kind::Organizations => made.organizations.push(self.organization(change, number).await?),
                Kind::Users => made.users.push(self.user(change, number).await?),
                Kind::Memberships(tenant) => self.membership(change, tenant, number).await?,
                Kind::Keys(tenant) => self.key(change, tenant, number).await?,
                Kind::Events => self.event(change)?,
            }
        }
        Ok(made)
    }
}

impl Batch<'_> {
    async fn organization(&self, change: &mut Change<'_>, number: usize) -> Result<OrganizationId, Refusal> {
        let new = NewOrganization::named(format!("Organization {number}"));
        Ok(organizations::create(change, self.issuer, new).await?.id)
    }

    async fn user(&self, change: &mut Change<'_>, number: usize) -> Result<UserId, Refusal> {
        let new = NewUser {
            username: Username::new(None, &format!("user{number}@example.com")).map_err(Refusal::internal)?,
            entry: Entry::Made { status: UserStatus::Active },
            details: UserDetails::default(),
            metadata: Metadata::default(),
            password: None,
        };
        Ok(users::create(change, self.issuer, new).await?.id)
    }

    /// Walks the organizations round by round, each with another user.
    async fn membership(&self, change: &mut Change<'_>, tenant: &Tenant, number: usize) -> Result<(), Refusal> {
        let (round, position) = (number / tenant.organizations.len(), number % tenant.organizations.len());
        let user = tenant.users[(round + 7 * position) % tenant.users.len()];
        let scope = "invoices:read".parse().map_err(Refusal::internal)?;
        let new = NewMember::with_scope(MemberId::User(user), scope);
        memberships::add(change, self.issuer, tenant.organizations[position], new).await.map(drop)
    }

    async fn key(&self, change: &mut Change<'_>, tenant: &Tenant, number: usize) -> Result<(), Refusal> {
        let new = NewApiKey {
            account_id: self.account,
            org_id: tenant.organizations[number % tenant.organizations.len()],
            issuer_id: self.issuer,
            level: KeyLevel::Organization,
            name: format!("Key {number}"),
            description: None,
            tags: Vec::new(),
            scopes: Scopes::default(),
            ip_allowlist: Vec::new(),
            rate_limit: None,
            expires_at: None,
            metadata: Metadata::default(),
            secret: None,
            secret_hint: None,
        };
        credentials::create(change, new).await.map(drop)
    }

    fn event(&self, change: &mut Change<'_>) -> Result<(), Refusal> {
        let subject = Subject::issuer(self.account, self.issuer);
        change.emit(EventDraft::new(catalogue::ISSUER_UPDATED, subject).with_changes(vec!["metadata".to_owned()]))
    }
}
