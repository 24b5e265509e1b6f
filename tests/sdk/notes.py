"""Notes of the team."""

from __future__ import annotations

from authpi_admin import AuthPIAdmin, NotFoundError, PreconditionFailedError, ValidationError

from checks import Checks, Server, collect


async def run(check: Checks, server: Server, admin: AuthPIAdmin) -> None:
    """Writes, finds, changes and deletes notes."""
    issuer = await admin.issuers.create({"name": "notes"})
    tenant = admin.issuer(issuer.id)
    org = await tenant.organizations.create({"name": "Aviato"})
    user = await tenant.users.create({"username": "erlich", "profile": {}})
    about = {"subject_type": "user", "subject_id": user.id, "issuer_id": issuer.id}

    first = await admin.notes.create({**about, "content": f"Founder of [[org:{org.id}|Aviato]] and [[org:org_x]]."})
    second = await admin.notes.create({**about, "content": "Called.", "pinned": True})
    shown = [(one.ref_type, one.ref_id, one.ref_issuer_id) for one in first.references]
    check.equal("what is there is referred to", shown, [("org", org.id, issuer.id)])
    check.equal("nobody is mentioned", (first.mentions, first.updated_by), ([], None))
    check.equal("it reads back whole", (await admin.notes.get(first.id)).model_dump(), first.model_dump())
    found = await admin.notes.list(subject_type="user", subject_id=user.id)
    check.equal("pinned ones come first", [note.id for note in found.data], [second.id, first.id])
    paged = await collect(admin.notes.list_all(subject_type="user", subject_id=user.id, limit=1))
    check.equal("pages of one show each once", [note.id for note in paged], [second.id, first.id])
    plain = await admin.notes.list(issuer_id=issuer.id, created_by=first.created_by, pinned=False)
    check.equal("filters are ANDed", [note.id for note in plain.data], [first.id])
    check.equal("nobody is mentioned anywhere", (await admin.notes.list(mentions_user_id=user.id)).data, [])
    check.equal("they are counted", (await admin.notes.count("user", user.id)).count, 2)
    links = await admin.notes.backlinks("org", org.id)
    check.equal("what refers is found", [note.id for note in links], [first.id])
    check.equal("nothing refers to the user", await admin.notes.backlinks("user", user.id, limit=1), [])

    changed = await admin.notes.update(first.id, {"content": "Moved on.", "pinned": True}, if_match=first._etag)
    check.equal("a change replaces", (changed.content, changed.pinned, changed.references), ("Moved on.", True, []))
    check.equal("and says who", changed.updated_by, changed.created_by)
    check.equal("nothing refers any more", await admin.notes.backlinks("org", org.id), [])
    await check.refused(
        "a stale tag",
        admin.notes.update(first.id, {"pinned": False}, if_match=first._etag),
        PreconditionFailedError,
        "precondition_failed",
    )
    await check.refused(
        "a subject must be there",
        admin.notes.create({**about, "subject_id": org.id, "content": "x"}),
        ValidationError,
        "invalid_request",
        {("subject_id", "unknown_reference")},
    )
    await admin.notes.delete(first.id)
    await check.refused("a deleted note is gone", admin.notes.get(first.id), NotFoundError, "not_found")
