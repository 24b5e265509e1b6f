//! Mails that tell people of events (events-webhooks §14): each event that a notice is about becomes mail in the unit of
//! work that takes it from the outbox, so that it becomes mail once.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::round;
use super::schedule::Next;
use super::steps::WorkerState;
use crate::error::Refusal;
use crate::event::catalogue;
use crate::event::model::{Actor, Event, RequestContext, SaltedContext, Subject, Trigger, context_seal};
use crate::event::repository::Consumer;
use crate::group::operations as group;
use crate::id::{AccountId, EventId, Id, IssuerId, MemberId, OrganizationId, UserId};
use crate::keyring::IssuerRoot;
use crate::mail::model::{Content, Notice, Template};
use crate::mail::operations::{NewMail, enqueue};
use crate::mail::repository::TallyKey;
use crate::mailbox::Mailbox;
use crate::membership::model::MembershipStatus;
use crate::membership::repository::{HeldScope, MembershipFilter};
use crate::page::{Limit, PageRequest};
use crate::scope::Scope;
use crate::store::{Change, Platform, Reads};
use crate::user::model::User;
use crate::web::services::{Origin, Services};

/// How often events are looked for.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Events that one look takes.
const LOOKED_AT: u32 = 100;

/// Approvers that are told of one invitation at most.
const MOST_APPROVERS: usize = 50;

/// Turns the next event into mail. One that cannot be is passed over, and tried again later.
pub(super) async fn notices(state: &WorkerState) -> Result<Next, Refusal> {
    let services = &state.services;
    let mut passed = state.notices_passed.lock().await;
    let after = passed.after(services.now());
    let Some(event) = peek(services, after).await? else {
        passed.through();
        return Ok(Next::In(LOOK_EVERY));
    };
    let handled = handle(services, &event).await;
    if handled.as_ref().is_err_and(Refusal::is_retryable) {
        return handled.map(|_| Next::Now);
    }
    if let Some(next) = round::Round::of("notices").outcome(event.id, handled)? {
        return Ok(next);
    }
    passed.over(event.id, services.now());
    Ok(Next::GoOn)
}

async fn handle(services: &Arc<Services>, event: &Event) -> Result<Option<Next>, Refusal> {
    let platform = services.platform().await?.ok_or(Refusal::NotFound)?;
    // Not inside the unit of work: the vault may be far away.
    let root = services.root_for(event.subject.issuer_id).await?;
    let origin = Origin::of_instance(event.subject.account_id, Trigger::System);
    let context = services.change_context(origin, root.clone());
    let mut change = Change::new(services.store.begin(services.now()).await?, &context);
    if change.unit().events().take(Consumer::Notices, &[event.id]).await?.is_empty() {
        return Ok(Some(Next::Now));
    }
    if let Some(template) = template(event) {
        let round = Round { event, template, root: &root, platform };
        round.post(&mut change).await?;
    }
    change.unit().events().outbox_done(Consumer::Notices, &[event.id]).await?;
    change.into_unit().await?.commit().await?;
    Ok(Some(Next::Now))
}

/// The next event that gives reason for mail. Those before it that give none are done with, many at once: most are of
/// requests that changed nothing.
async fn peek(services: &Services, after: Option<EventId>) -> Result<Option<Event>, Refusal> {
    loop {
        let mut unit = services.store.begin(services.now()).await?;
        let waiting = unit.events().lock_waiting(Consumer::Notices, after, LOOKED_AT).await?;
        if waiting.is_empty() {
            return Ok(None);
        }
        let next = waiting.iter().position(|event| template(event).is_some());
        let done: Vec<_> = waiting.iter().take(next.unwrap_or(waiting.len())).map(|event| event.id).collect();
        if !done.is_empty() {
            unit.events().outbox_done(Consumer::Notices, &done).await?;
            unit.commit().await?;
        }
        if let Some(next) = next {
            return Ok(waiting.into_iter().nth(next));
        }
    }
}

/// The notice that an event gives reason for.
fn template(event: &Event) -> Option<Template> {
    let data = |name: &str| event.data.get(name).and_then(Value::as_str);
    let is_true = |name: &str| event.data.get(name) == Some(&Value::Bool(true));
    let by_password = |name: &str| matches!(data(name), Some("password" | "temporary-password"));
    let kind = event.kind;
    if kind == catalogue::USER_PASSWORD_CHANGED || kind == catalogue::USER_PASSWORD_RESET {
        return Some(Template::PasswordChanged);
    }
    if kind == catalogue::USER_MFA_FACTOR_CREATED || kind == catalogue::USER_MFA_FACTOR_DELETED {
        // A passkey is told of as what it is, too.
        return (data("factor_type") != Some("webauthn")).then_some(Template::MfaChanged);
    }
    if kind == catalogue::USER_MFA_BACKUP_CODES_REGENERATED {
        return Some(Template::MfaChanged);
    }
    if kind == catalogue::USER_VERIFIER_CREATED || kind == catalogue::USER_VERIFIER_DELETED {
        let is_second = matches!(data("verifier_type"), Some("totp_app" | "backup_codes"));
        return (!is_second && !by_password("verifier_type")).then_some(Template::SignInMethodChanged);
    }
    if kind == catalogue::USER_SSO_LINKED {
        return Some(Template::SignInMethodChanged);
    }
    if kind == catalogue::SESSION_CREATED {
        return (data("session_type") == Some("op") && is_true("new_device")).then_some(Template::NewDevice);
    }
    if kind == catalogue::SESSION_COMPROMISED {
        return Some(Template::SessionCompromised);
    }
    if kind == catalogue::USER_APPROVAL_APPROVED {
        return Some(Template::ApprovalApproved);
    }
    if kind == catalogue::USER_APPROVAL_REJECTED {
        return Some(Template::ApprovalRejected);
    }
    about_tokens(event).or_else(|| about_accounts(event))
}

fn about_tokens(event: &Event) -> Option<Template> {
    let kind = event.kind;
    if kind == catalogue::USER_PERSONAL_TOKEN_CREATED {
        return Some(Template::PersonalTokenCreated);
    }
    if kind == catalogue::USER_PERSONAL_TOKEN_VERIFIED {
        let is_new = event.data.get("new_ip") == Some(&Value::Bool(true));
        return is_new.then_some(Template::PersonalTokenNewIp);
    }
    if kind == catalogue::USER_PERSONAL_TOKEN_UPDATED {
        let status = event.data.get("status");
        let to = status.and_then(|status| status.get("to").or(Some(status))).and_then(Value::as_str);
        return matches!(to, Some("revoked" | "blocked")).then_some(Template::PersonalTokenRevoked);
    }
    if kind == catalogue::USER_PERSONAL_TOKEN_DELETED {
        return Some(Template::PersonalTokenRevoked);
    }
    (kind == catalogue::USER_DELEGATION_GRANTED).then_some(Template::DelegationGranted)
}

fn about_accounts(event: &Event) -> Option<Template> {
    let kind = event.kind;
    if kind == catalogue::ORGANIZATION_INVITATION_APPROVAL_REQUESTED {
        return Some(Template::InvitationApproval);
    }
    if kind == catalogue::API_KEY_RATE_LIMIT_WARNED {
        return Some(Template::ApiKeyRateLimit);
    }
    let cause = event.data.get("cause").and_then(Value::as_str);
    let is_over = kind == catalogue::WEBHOOK_PAUSED && matches!(cause, Some("gone" | "exhausted"));
    is_over.then_some(Template::WebhookDisabled)
}

/// One event on its way to its readers.
struct Round<'a> {
    event: &'a Event,
    template: Template,
    root: &'a IssuerRoot,
    platform: Platform,
}

impl Round<'_> {
    /// Queues the mails that the event gives reason for.
    async fn post(&self, change: &mut Change<'_>) -> Result<(), Refusal> {
        let readers = self.readers(change.reads()).await?;
        if readers.is_empty() {
            return Ok(());
        }
        let Some(folded) = self.counted(change).await? else { return Ok(()) };
        let name = name(change.reads(), &self.event.subject).await?;
        for reader in readers {
            let Some(to) = verified(&reader) else { continue };
            let mail = NewMail {
                issuer_id: self.root.issuer_id,
                template: self.template,
                user_id: Some(reader.id),
                org_id: self.event.subject.org_id,
                invitation_id: self.event.subject.invitation_id,
                cause: Some(self.event.id),
                to,
                content: Content::Notice(self.notice(&reader, name.clone(), folded)?),
            };
            enqueue(change, mail).await?;
        }
        Ok(())
    }

    /// How many were folded into this one; `None` when it is folded itself.
    async fn counted(&self, change: &mut Change<'_>) -> Result<Option<u32>, Refusal> {
        let Some(most) = self.template.daily_limit() else { return Ok(Some(0)) };
        let subject = &self.event.subject;
        let about = subject.token_id.map(Id::uuid).or(subject.key_id.map(Id::uuid));
        let about = about.unwrap_or_else(|| subject.account_id.uuid());
        let key = TallyKey { issuer_id: self.root.issuer_id, template: self.template, about };
        let now = change.now();
        let (tally, told) = change.unit().mails().lock_tally(&key).await?.counted(now, most);
        change.unit().mails().write_tally(&key, tally).await?;
        Ok(told)
    }

    async fn readers(&self, reads: &dyn Reads) -> Result<Vec<User>, Refusal> {
        let subject = &self.event.subject;
        if self.template == Template::InvitationApproval {
            return self.approvers(reads).await;
        }
        if self.template.is_of_account() {
            return Ok(self.owner(reads, subject.account_id).await?.into_iter().collect());
        }
        let (Some(issuer), Some(user)) = (subject.issuer_id, subject.user_id) else { return Ok(Vec::new()) };
        Ok(reads.users().find(issuer, user).await?.into_iter().collect())
    }

    /// Members of the organization who hold `owner` or `admin`, else the owner of the account.
    async fn approvers(&self, reads: &dyn Reads) -> Result<Vec<User>, Refusal> {
        let subject = &self.event.subject;
        let (Some(issuer), Some(organization)) = (subject.issuer_id, subject.org_id) else { return Ok(Vec::new()) };
        let mut found: Vec<User> = Vec::new();
        for scope in ["owner", "admin"] {
            for user in holders(reads, (issuer, organization), scope).await? {
                if found.len() < MOST_APPROVERS
                    && !found.iter().any(|known| known.id == user)
                    && let Some(user) = reads.users().find(issuer, user).await?
                    && verified(&user).is_some()
                {
                    found.push(user);
                }
            }
        }
        if found.is_empty() {
            found.extend(self.owner(reads, subject.account_id).await?);
        }
        Ok(found)
    }

    /// Who owns an account: a user of the platform issuer.
    async fn owner(&self, reads: &dyn Reads, account: AccountId) -> Result<Option<User>, Refusal> {
        let owner = reads.accounts().find(account).await?.and_then(|account| account.owner_user_id);
        match owner {
            Some(owner) => Ok(reads.users().find(self.platform.issuer_id, owner).await?),
            None => Ok(None),
        }
    }

    fn notice(&self, reader: &User, name: Option<String>, folded: u32) -> Result<Notice, Refusal> {
        let is_own = self.event.actor.user_id() == Some(reader.id);
        // Where somebody else sits is not the reader's to know.
        let context = if is_own || self.event.actor == Actor::Anonymous { self.context()? } else { None };
        let context = context.unwrap_or_default();
        let is_about_reader = self.event.subject.user_id == Some(reader.id);
        let is_decision = matches!(self.template, Template::ApprovalApproved | Template::ApprovalRejected);
        Ok(Notice {
            name,
            at: self.event.timestamp,
            ip: context.ip,
            country: context.country,
            device: context.user_agent.map(|agent| agent.chars().take(100).collect()),
            by_another: is_about_reader
                && !is_decision
                && matches!(self.event.actor, Actor::ApiKey { .. } | Actor::User { .. })
                && !is_own,
            folded,
        })
    }

    /// Where the action came from, as far as that is known and under the key at hand.
    fn context(&self) -> Result<Option<RequestContext>, Refusal> {
        let Some(sealed) = &self.event.context.sealed else { return Ok(None) };
        if sealed.root != self.root.issuer_id {
            return Ok(None);
        }
        let plain = self.root.key.open(&context_seal(self.event.id), &sealed.sealed).map_err(Refusal::internal)?;
        let salted: SaltedContext = serde_json::from_slice(&plain).map_err(Refusal::internal)?;
        Ok(Some(salted.context))
    }
}

/// The users who actively hold a scope in an organization, directly or through a group.
async fn holders(
    reads: &dyn Reads,
    (issuer, organization): (IssuerId, OrganizationId),
    scope: &str,
) -> Result<Vec<UserId>, Refusal> {
    let scope: Scope = scope.parse().map_err(Refusal::internal)?;
    let groups = reads.groups().of_organization(issuer, organization).await?;
    let groups = group::shown(reads, issuer, groups).await?;
    let giving = groups.iter().filter(|group| group.details.scopes.contains(&scope)).map(|group| group.id).collect();
    let held = HeldScope { scope, groups: giving };
    let filter = MembershipFilter { status: Some(MembershipStatus::Active), scope: Some(held) };
    let page = PageRequest { limit: Limit::default(), after: None };
    let found = reads.memberships().list(issuer, organization, &filter, &page).await?;
    let users = found.items.into_iter().filter_map(|membership| match membership.member_id {
        MemberId::User(user) => Some(user),
        MemberId::Agent(_) => None,
    });
    Ok(users.collect())
}

/// The address of a user, if it is proven and one.
fn verified(user: &User) -> Option<Mailbox> {
    user.email().filter(|_| user.details.profile.email_verified).and_then(Mailbox::parse)
}

/// The given name of what an event is about, as far as it still has one.
async fn name(reads: &dyn Reads, subject: &Subject) -> Result<Option<String>, Refusal> {
    if let Some(key) = subject.key_id {
        return Ok(reads.api_keys().find(subject.account_id, key).await?.map(|key| key.details.name));
    }
    if let Some(token) = subject.token_id {
        return Ok(reads.personal_tokens().find(subject.account_id, token).await?.map(|token| token.details.name));
    }
    if let Some(webhook) = subject.webhook_id {
        let webhook = reads.webhooks().find(subject.account_id, webhook).await?;
        return Ok(webhook.and_then(|webhook| webhook.details.name));
    }
    if let (Some(issuer), Some(agent)) = (subject.issuer_id, subject.agent_id) {
        return Ok(reads.agents().find(issuer, agent).await?.map(|agent| agent.details.name));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_that_is_waited_for_can_become_a_mail() {
        // What has conditions on its data is told apart by them; nothing else is waited for in vain.
        let waited: Vec<_> = catalogue::ALL.iter().filter(|kind| Consumer::Notices.wants(**kind)).collect();
        assert_eq!(waited.len(), 20, "{waited:?}");
    }
}
