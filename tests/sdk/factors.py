"""What users prove themselves with, the devices they trust, and who waits for an approval."""

from __future__ import annotations

import base64
import hashlib
import hmac
import struct
import time

from authpi_admin import AuthPIAdmin, ConflictError, NotFoundError, PreconditionFailedError, ValidationError

from checks import Checks, Server, Trail, collect


def code(secret: str, ahead: int = 0) -> str:
    """What an app shows that was told the secret (RFC 6238), now or some seconds ahead."""
    step = struct.pack(">Q", (int(time.time()) + ahead) // 30)
    digest = hmac.new(base64.b32decode(secret), step, hashlib.sha1).digest()
    offset = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[offset : offset + 4])[0] & 0x7FFFFFFF) % 1_000_000:06}"


async def run(check: Checks, server: Server, admin: AuthPIAdmin) -> None:
    """Sets passwords and apps up, checks codes, trusts devices, asks for approvals."""
    issuer = await admin.issuers.create({"name": "factors"})
    tenant = admin.issuer(issuer.id)
    user = await tenant.users.create({"username": "gilfoyle@example.com", "profile": {}})
    scope = tenant.user(user.id)
    trail = Trail(admin, issuer.id)
    await trail.news()
    await passwords(check, scope, trail)
    secret, backup_codes = await app(check, scope, trail)
    await codes(check, scope, trail, secret, backup_codes)
    await devices(check, scope, trail)
    await removal(check, tenant, scope, user, trail)
    await approvals(check, tenant, user)


async def passwords(check: Checks, scope, trail: Trail) -> None:
    made = await scope.verifiers.create({"type": "password", "password": "correct horse battery"})
    check.equal("a password is in force at once", (made.secret, made.provisioning_uri, made.expires_at), ("", "", 0))
    check.equal("and is a credential", await trail.news(), ["user.verifier.created"])
    listed = await scope.verifiers.list()
    check.equal("which is listed", [item.id for item in listed.data], [made.enrollment_id])
    check.equal("on the only page", (listed.has_more, listed.next_cursor), (False, None))
    check.equal("and walked through", len(await collect(scope.verifiers.list_all())), 1)
    one = await scope.verifiers.get(made.enrollment_id)
    check.equal("with its type and nothing secret", (one.type, one.name, one.status), ("password", None, "active"))
    check.that("as its ETag says", one._etag == f'"{one.updated_at}"', one._etag)
    await scope.verifiers.create({"type": "password", "password": "quite another phrase"})
    check.equal("another takes its place", await trail.news(), ["user.password.changed"])
    await check.refused(
        "what everybody has is refused",
        scope.verifiers.create({"type": "password", "password": "password123"}),
        ValidationError,
        "invalid_request",
        fields={("password", "not_allowed")},
    )
    temporary = await scope.verifiers.create({"type": "temporary-password"})
    check.that("a temporary one is made", len(temporary.secret) == 21, temporary)
    await scope.verifiers.delete(temporary.enrollment_id)
    check.equal("and taken back", await trail.news(), ["user.verifier.created", "user.verifier.deleted"])


async def app(check: Checks, scope, trail: Trail) -> tuple[str, list[str]]:
    begun = await scope.verifiers.create({"type": "totp_app", "name": "Phone"})
    check.that("an app scans a URI", begun.provisioning_uri.startswith("otpauth://totp/factors:"), begun)
    wrong = await scope.verifiers.complete_enrollment({"enrollment_id": begun.enrollment_id, "code": "no code"})
    check.equal("a wrong code is told", (wrong.success, wrong.error), (False, "invalid_code"))
    done = await scope.verifiers.complete_enrollment(
        {"enrollment_id": begun.enrollment_id, "code": code(begun.secret), "name": "New phone"}
    )
    check.equal("the first code proves it", (done.success, len(done.backup_codes or [])), (True, 10))
    check.equal("both events tell", await trail.news(), ["user.verifier.created", "user.mfa.factor-created"])
    again = await scope.verifiers.complete_enrollment({"enrollment_id": begun.enrollment_id, "code": "000000"})
    check.equal("it is finished once", again.error, "enrollment_expired")
    await check.refused(
        "a user has one app", scope.verifiers.create({"type": "totp_app"}), ConflictError, "conflict"
    )
    return begun.secret, list(done.backup_codes)


async def codes(check: Checks, scope, trail: Trail, secret: str, backup_codes: list[str]) -> None:
    by_type = {item.type: item for item in (await scope.verifiers.list()).data}
    app, backup = by_type["totp_app"], by_type["backup_codes"]
    check.equal("the later name holds", app.name, "New phone")
    check.equal("backup codes are counted", backup.backup_codes, {"total": 10, "remaining": 10})
    refused = await scope.verifiers.verify(app.id, {"code": "no code"})
    check.equal("a wrong code costs an attempt", (refused.success, refused.remaining, refused.error), (False, 4, "invalid_code"))
    ahead = code(secret, 30)
    accepted = await scope.verifiers.verify(app.id, {"code": ahead})
    check.equal("a right one is accepted", (accepted.success, accepted.error), (True, None))
    twice = await scope.verifiers.verify(app.id, {"code": ahead})
    check.equal("once", twice.success, False)
    used = await scope.verifiers.verify(backup.id, {"code": backup_codes[0].lower()})
    check.equal("a backup code is, too", (used.success, used.remaining), (True, 9))
    failed, succeeded = "user.mfa.verification.failed", "user.mfa.verification.succeeded"
    check.equal("each has its event", await trail.news(), [failed, succeeded, failed, succeeded])
    new = await scope.verifiers.regenerate(backup.id)
    check.that("new codes are others", not set(new.codes) & set(backup_codes) and len(new.codes) == 10, new)
    check.equal("and told", await trail.news(), ["user.mfa.backup-codes.regenerated"])
    await check.refused("an app has no codes", scope.verifiers.regenerate(app.id), ConflictError, "conflict")
    renamed = await scope.verifiers.update(app.id, {"name": None}, if_match=(await scope.verifiers.get(app.id))._etag)
    check.equal("a name can be taken away", (renamed.name, await trail.news()), (None, ["user.verifier.updated"]))
    await check.refused(
        "a stale ETag is refused",
        scope.verifiers.update(app.id, {"name": "x"}, if_match='"1"'),
        PreconditionFailedError,
        "precondition_failed",
    )


async def devices(check: Checks, scope, trail: Trail) -> None:
    made = await scope.trusted_devices.create({"fingerprint": "laptop", "name": "Laptop", "ttl_seconds": 3600})
    other = await scope.trusted_devices.create({"fingerprint": "phone"})
    check.equal("trust has its event", await trail.news(), ["user.device.trusted"] * 2)
    listed = (await scope.trusted_devices.list()).data
    check.equal("the newest comes first", [item.id for item in listed], [other.device_id, made.device_id])
    check.equal("for as long as was stated", listed[1].expires_at - listed[1].trusted_at, 3_600_000)
    check.equal("and walked through", len(await collect(scope.trusted_devices.list_all())), 2)
    again = await scope.trusted_devices.create({"fingerprint": "laptop"})
    check.equal("the same device is trusted anew", again.device_id, made.device_id)
    await scope.trusted_devices.delete(made.device_id)
    await check.refused(
        "what is not trusted cannot be revoked",
        scope.trusted_devices.delete(made.device_id),
        NotFoundError,
        "not_found",
    )
    check.equal("all are revoked", (await scope.trusted_devices.revoke_all()).revoked_count, 1)
    check.equal("once", (await scope.trusted_devices.revoke_all()).revoked_count, 0)
    check.equal(
        "each with its event", await trail.news(), ["user.device.trusted", "user.device.revoked", "user.device.revoked"]
    )


async def removal(check: Checks, tenant, scope, user, trail: Trail) -> None:
    protected = await tenant.users.get(user.id)
    check.equal("a user tells how it is protected", protected.security["mfa_methods"], ["backup_codes", "totp_app"])
    for item in (await scope.verifiers.list()).data:
        if item.type == "totp_app":
            await scope.verifiers.delete(item.id)
    gone = ["user.verifier.deleted", "user.mfa.factor-deleted", "user.verifier.deleted"]
    check.equal("the factor is gone, and the codes are", await trail.news(), gone)
    left = [item.type for item in (await scope.verifiers.list()).data]
    check.equal("and its backup codes with it", left, ["password"])


async def approvals(check: Checks, tenant, user) -> None:
    waiting = await tenant.approvals.list(limit=1)
    check.equal("nobody waits", (waiting.data, waiting.has_more), ([], False))
    check.equal("nor on any page", await collect(tenant.approvals.list_all()), [])
    await check.refused(
        "who does not wait is not found", tenant.approvals.get(user.id), NotFoundError, "not_found"
    )
    await check.refused(
        "and not decided about",
        tenant.approvals.update(user.id, {"status": "approved"}),
        ConflictError,
        "conflict",
    )
