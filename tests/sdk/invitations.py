"""Invitations into an organization."""

from __future__ import annotations

from authpi_admin import (
    AuthPIAdmin,
    ConflictError,
    NotFoundError,
    PreconditionFailedError,
    RateLimitError,
    ValidationError,
)

from checks import Checks, Server, Trail, collect, ids

# Mail goes out soon after the answer: its event may be in any look at the trail.
MAIL = "email.sent"


async def run(check: Checks, server: Server, admin: AuthPIAdmin) -> None:
    """Invites, lists, changes, sends again and takes back."""
    issuer = await admin.issuers.create({"name": "invitations"})
    tenant = admin.issuer(issuer.id)
    org = await tenant.organizations.create({"name": "Raviga", "max_members": 3})
    invitations = tenant.organization(org.id).invitations
    trail = Trail(admin, issuer.id)
    await trail.news()

    first = await invitations.create(
        {
            "email_invited": "Laurie@raviga.example",
            "scopes": ["deals:read"],
            "user_title": "Partner",
            "message": "Welcome to Raviga.",
            "inviter": {"id": "peter", "name": "Peter"},
            "expires_in_seconds": 1_209_600,
            "metadata": {"crm": 7},
        }
    )
    news = [kind for kind in await trail.news() if kind != MAIL]
    check.equal("an invitation has its event", news, ["organization.invitation.created"])
    check.equal("it waits for the invitee", (first.status, first.email_invited), ("pending", "laurie@raviga.example"))
    check.equal("it lives as long as was said", first.expires_at - first.created_at, 1_209_600_000)
    check.equal("the inviter is named", (first.inviter.id, first.inviter.name), ("peter", "Peter"))
    check.equal("it was mailed at once", first.last_email_sent_at, first.created_at)
    second = await invitations.create({"email_invited": "monica@raviga.example", "role": "member"})
    check.equal("a role shows its scopes", second.scopes, ["member"])
    check.equal("the newest comes first", ids(await invitations.list()), [second.id, first.id])
    check.equal("pages of one show each once", ids(await collect(invitations.list_all(limit=1))), [second.id, first.id])
    check.equal("and so are those of a status", ids(await invitations.list(status="revoked")), [])
    check.equal("one is found by id", (await invitations.get(first.id)).metadata.model_dump(), {"crm": 7})
    stats = (await tenant.organizations.get(org.id)).stats
    check.equal("open invitations are counted", stats["n_pending_invitations"], 2)

    changed = await invitations.update(first.id, {"message": None, "user_title": "CEO"}, if_match=first._etag)
    check.equal("null clears a message", (changed.message, changed.user_title), (None, "CEO"))
    await check.refused(
        "a stale ETag is refused",
        invitations.update(first.id, {"user_title": "x"}, if_match=first._etag),
        PreconditionFailedError,
        "precondition_failed",
    )
    await refusals(check, tenant, invitations, first)
    await invitations.revoke(first.id)
    gone = await invitations.get(first.id)
    check.equal("a revoked one is over", (gone.status, gone.revoked_at is not None), ("revoked", True))
    news = [kind for kind in await trail.news() if kind != MAIL]
    check.equal(
        "the trail tells of both",
        news,
        [
            "organization.invitation.created",
            "organization.invitation.updated",
            "organization.invitation.created",
            "organization.invitation.deleted",
        ],
    )
    await approval(check, server, admin, tenant, issuer.id, trail)
    await admin.issuers.delete(issuer.id)


async def approval(check: Checks, server: Server, admin: AuthPIAdmin, tenant, issuer_id: str, trail: Trail) -> None:
    org = await tenant.organizations.create({"name": "Bachmanity", "invitations": {"require_approval": True}})
    invitations = tenant.organization(org.id).invitations
    first = await invitations.create({"email_invited": "keenan@bachmanity.example", "scopes": ["vr:read"]})
    second = await invitations.create({"email_invited": "winnie@bachmanity.example", "scopes": ["vr:read"]})
    check.equal("with approval nobody is mailed yet", (first.status, first.last_email_sent_at), ("pending_approval", None))
    await trail.news()
    base = f"/v1/accounts/{server.account_id}/issuers/{issuer_id}/organizations/{org.id}/invitations"
    decided = [
        (await admin.http.request("POST", f"{base}/{first.id}/approve")).data["data"]["status"],
        (await admin.http.request("POST", f"{base}/{second.id}/reject", body={"reason": "unknown"})).data["data"]["status"],
    ]
    check.equal("it is approved or not", decided, ["pending", "rejected"])
    news = [kind for kind in await trail.news() if kind != MAIL]
    expected = ["approved", "rejected", "deleted"]
    check.equal("each decision has its events", news, [f"organization.invitation.{kind}" for kind in expected])


async def refusals(check: Checks, tenant, invitations, invitation) -> None:
    await check.refused(
        "mails of one invitation are a minute apart", invitations.resend(invitation.id), RateLimitError, "rate_limited"
    )
    await check.refused(
        "an address is invited once",
        invitations.create({"email_invited": "LAURIE@raviga.example", "scopes": ["deals:read"]}),
        ConflictError,
        "conflict",
    )
    await check.refused(
        "an address is exactly one mailbox",
        invitations.create({"email_invited": "a@b.c, d@e.f", "scopes": ["deals:read"]}),
        ValidationError,
        "invalid_request",
        fields={("email_invited", "invalid_format")},
    )
    await check.refused(
        "an invitation gives something",
        invitations.create({"email_invited": "jared@raviga.example"}),
        ValidationError,
        "invalid_request",
        field="scopes",
    )
    await check.refused("what never was is not found", invitations.get("inv_" + "0" * 25), NotFoundError, "not_found")
    await invitations.create({"email_invited": "jared@raviga.example", "scopes": ["deals:read"]})
    await check.refused(
        "open invitations count as members",
        invitations.create({"email_invited": "gilfoyle@raviga.example", "scopes": ["deals:read"]}),
        ConflictError,
        "conflict",
    )
