"""The catalogue of events (types, keys of `subject`, members of `data`), and the check that a whole trail keeps to it and
has it all.

A name with a question mark may be missing. `account_id` is always there, `issuer_id` wherever the event is below one.
"""

from __future__ import annotations

import json
import re

from authpi_admin import AuthPIAdmin
from authpi_admin.generated.models import Event

from checks import Checks, collect

CATALOGUE: dict[str, tuple[str, str]] = {
    "session.created": ("user_id session_id client_id?", "session_type method amr expires_at new_device"),
    "session.updated": ("user_id session_id", "changes status reason"),
    "session.expired": ("user_id session_id", "cause"),
    "session.terminated": ("user_id session_id", "cause reason"),
    "session.compromised": ("user_id session_id client_id", "cause refresh_count"),
    "session.token-refreshed": ("user_id session_id client_id", "scope refresh_count"),
    "machine.token.issued": ("agent_id? client_id? org_id? user_id? delegation_id?", "grant_type scope expires_in verifier_id?"),
    "user.created": ("user_id", "username_type status origin"),
    "user.updated": ("user_id", "changes status"),
    "user.deleted": ("user_id", "cascade"),
    "user.blocked": ("user_id", "status reason by"),
    "user.unblocked": ("user_id", "status reason by"),
    "user.verification.succeeded": ("user_id client_id?", "method"),
    "user.verification.failed": ("user_id? client_id?", "method cause attempts locked_until?"),
    "user.password.changed": ("user_id", "by sessions_terminated"),
    "user.password.reset-requested": ("user_id", ""),
    "user.password.reset": ("user_id", "sessions_terminated"),
    "user.login-link.requested": ("user_id", "channel"),
    "user.login-link.consumed": ("user_id", "channel"),
    "user.verifier.created": ("user_id verifier_id", "verifier_type"),
    "user.verifier.updated": ("user_id verifier_id", "verifier_type changes"),
    "user.verifier.deleted": ("user_id verifier_id", "verifier_type"),
    "user.email.change-requested": ("user_id", "old_hash new_hash"),
    "user.email.changed": ("user_id", "old_hash new_hash"),
    "user.email.verified": ("user_id", "email_hash"),
    "user.approval.requested": ("user_id", ""),
    "user.approval.approved": ("user_id", "by reason"),
    "user.approval.rejected": ("user_id", "by reason"),
    "user.mfa.factor-created": ("user_id verifier_id", "factor_type"),
    "user.mfa.factor-deleted": ("user_id verifier_id", "factor_type"),
    "user.mfa.backup-codes.regenerated": ("user_id verifier_id", "count"),
    "user.mfa.backup-codes.low": ("user_id verifier_id", "remaining"),
    "user.mfa.verification.succeeded": ("user_id", "factor_type"),
    "user.mfa.verification.failed": ("user_id", "factor_type attempts locked_until?"),
    "user.device.trusted": ("user_id device_id", "expires_at"),
    "user.device.revoked": ("user_id device_id?", "count"),
    "user.consent.granted": ("user_id client_id", "scopes"),
    "user.consent.revoked": ("user_id client_id", "scopes"),
    "user.sso.provisioned": ("user_id org_id", "domain"),
    "user.sso.linked": ("user_id org_id", "domain"),
    "user.personal-token.created": ("user_id token_id", "scopes expires_at"),
    "user.personal-token.updated": ("user_id token_id", "changes status"),
    "user.personal-token.deleted": ("user_id token_id", ""),
    "client.created": ("client_id", "application_type confidential grant_types"),
    "client.updated": ("client_id", "changes"),
    "client.deleted": ("client_id", ""),
    "client.secret.rotated": ("client_id", "secret_rotated_at"),
    "client.blocked": ("client_id", "reason"),
    "client.unblocked": ("client_id", "reason"),
    "api-key.created": ("key_id org_id", "name scopes expires_at"),
    "api-key.updated": ("key_id org_id", "changes action"),
    "api-key.deleted": ("key_id org_id", ""),
    "api-key.blocked": ("key_id org_id", "reason by"),
    "api-key.unblocked": ("key_id org_id", "reason by"),
    "agent.created": ("agent_id", "name model provider scopes"),
    "agent.updated": ("agent_id", "changes status"),
    "agent.deleted": ("agent_id", ""),
    "agent.verifier.added": ("agent_id verifier_id", "verifier_type"),
    "agent.verifier.removed": ("agent_id verifier_id", "verifier_type"),
    "issuer.created": ("", "name"),
    "issuer.updated": ("", "changes"),
    "issuer.deleted": ("", "cascade"),
    "issuer.auth-method.created": ("method_id", "method_type enabled"),
    "issuer.auth-method.updated": ("method_id", "method_type changes"),
    "issuer.auth-method.deleted": ("method_id", "method_type"),
    "organization.created": ("org_id", "name org_type"),
    "organization.updated": ("org_id", "changes"),
    "organization.deleted": ("org_id", "cascade"),
    "organization.suspended": ("org_id", "status_reason status_by"),
    "organization.reactivated": ("org_id", "status_reason status_by"),
    "organization.membership.created": ("org_id user_id? agent_id?", "scopes groups origin"),
    "organization.membership.updated": ("org_id user_id? agent_id?", "changes scopes status"),
    "organization.membership.deleted": ("org_id user_id? agent_id?", "cause"),
    "organization.group.created": ("org_id group_id", "name scopes"),
    "organization.group.updated": ("org_id group_id", "changes scopes"),
    "organization.group.deleted": ("org_id group_id", "members_affected"),
    "organization.invitation.created": ("org_id invitation_id", "status scopes role expires_at email_hash"),
    "organization.invitation.accepted": ("org_id invitation_id user_id", "scopes"),
    "organization.invitation.declined": ("org_id invitation_id", ""),
    "organization.invitation.deleted": ("org_id invitation_id", "cause"),
    "organization.sso.enabled": ("org_id", "sso_only"),
    "organization.sso.disabled": ("org_id", ""),
    "organization.sso.updated": ("org_id", "changes"),
    "organization.sso.domain-created": ("org_id domain", ""),
    "organization.sso.domain-verified": ("org_id domain", ""),
    "organization.sso.domain-deleted": ("org_id domain", ""),
    "account.created": ("", ""),
    "account.updated": ("", "changes"),
    "account.deleted": ("", "cascade"),
    "account.domain.added": ("domain", ""),
    "account.domain.removed": ("domain", ""),
    "account.domain.assigned": ("domain", ""),
    "account.domain.unassigned": ("domain", ""),
    "account.credits.depleted": ("", "balance_μusd"),
    "account.credits.updated": ("", "amount_μusd balance_after_μusd entry_type"),
    "webhook.created": ("webhook_id", "name events auth_type"),
    "webhook.updated": ("webhook_id", "changes"),
    "webhook.deleted": ("webhook_id", ""),
    "webhook.paused": ("webhook_id", "cause"),
    "webhook.resumed": ("webhook_id", "cause"),
    "email.sent": ("user_id? org_id? invitation_id?", "template message_id recipient_hash"),
    "email.failed": ("user_id? org_id? invitation_id?", "template cause recipient_hash"),
    "auth.flow.rate-limited": ("user_id? client_id?", "flow bucket"),
    "auth.flow.expired": ("client_id?", "flow age_seconds"),
    "auth.flow.replay-attempt": ("user_id? client_id?", "flow artefact"),
    "auth.flow.device-mismatch": ("user_id? client_id?", "flow"),
    "api-key.verified": ("key_id org_id", "surface scopes"),
    "api-key.rate-limit.warned": ("key_id org_id", "limit window_seconds used"),
    "api-key.rate-limit.exceeded": ("key_id org_id", "limit window_seconds"),
    "user.personal-token.verified": ("user_id token_id", "surface scopes new_ip"),
    "user.delegation.granted": ("user_id agent_id delegation_id client_id? org_id?", "scopes expires_at granted_by"),
    "user.delegation.revoked": ("user_id agent_id delegation_id client_id? org_id?", "cause by"),
    "user.delegation.used": ("user_id agent_id delegation_id client_id? org_id?", "scope chain_depth"),
    "organization.invitation.updated": ("org_id invitation_id", "changes"),
    "organization.invitation.approval-requested": ("org_id invitation_id", "scopes role"),
    "organization.invitation.approved": ("org_id invitation_id", "by"),
    "organization.invitation.rejected": ("org_id invitation_id", "by reason"),
}

# Caused by logins and tokens of the runtime, by mail, deliveries, name servers, payments, or time; not by the SDK.
ELSEWHERE = re.compile(
    r"session\..*|machine\..*|auth\.flow\..*|email\..*"
    r"|user\.(verification|login-link|consent|sso|approval)\..*|user\.password\.reset(-requested)?"
    r"|user\.email\.(change-requested|verified)|user\.delegation\.used|user\.mfa\.backup-codes\.low"
    r"|user\.personal-token\.verified"
    r"|organization\.invitation\.(accepted|declined)|organization\.sso\.(domain-verified|enabled|disabled)"
    r"|account\.(created|deleted)|account\.credits\..*|account\.domain\.(assigned|unassigned)"
    r"|api-key\.rate-limit\..*"
)

ADDRESS = re.compile(r"[^\s\"]+@[^\s\"]+\.[a-z]+")
MACHINE_WORD = re.compile(r"[a-z0-9_.-]{1,64}")


def split(names: str) -> tuple[set[str], set[str]]:
    """The names that must be there, and those that may."""
    every = names.split()
    required = {name for name in every if not name.endswith("?")}
    return required, required | {name.rstrip("?") for name in every}


def defects(event: Event) -> list[str]:
    """What is wrong with one event."""
    found = []
    subjects, members = CATALOGUE[event.type]
    required, allowed = split(subjects)
    subject = set(event.subject or {})
    if "account_id" not in subject or not required <= subject or not subject <= allowed | {"account_id", "issuer_id"}:
        found.append(f"subject {sorted(subject)}, expected {subjects!r}")
    required, allowed = split(members)
    if event.type.endswith(".updated"):
        # A status that did not change is not told.
        required -= {"status", "reason"}
        allowed |= {"status", "reason"}
    data = event.data or {}
    if not required <= set(data) or not set(data) <= allowed:
        found.append(f"data {sorted(data)}, expected {members!r}")
    for name in ("reason", "by", "status_reason", "status_by"):
        value = data.get(name)
        if value is not None and not MACHINE_WORD.fullmatch(value):
            found.append(f"{name} is free text: {value!r}")
    text = json.dumps([event.subject, data, {**(event.auth or {}), "user_agent": None}])
    if ADDRESS.search(text):
        found.append(f"an address stands in it: {text}")
    if "type" not in (event.auth or {}):
        found.append("it does not say who acted")
    return found


async def run(check: Checks, admin: AuthPIAdmin) -> None:
    """Every event of the account is as the catalogue says, and every type that the SDK can cause is there."""
    events = await collect(admin.events.list_all(limit=100))
    wrong = {f"{event.type}: {defect}" for event in events for defect in defects(event)}
    check.equal("every event is as the catalogue says", sorted(wrong), [])
    missing = set(CATALOGUE) - {event.type for event in events}
    check.equal("every type was seen", sorted(kind for kind in missing if not ELSEWHERE.fullmatch(kind)), [])
