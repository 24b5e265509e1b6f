//! What lets somebody act as somebody else in the platform issuer, whose users run accounts: nobody gets further that way
//! than they are (core-api 1.9). Users of other issuers have no rights at the Core API.

use crate::client::model::ClientType;
use crate::error::Refusal;
use crate::id::{AccountId, MemberId, UserId};
use crate::membership::repository::EffectiveMembership;
use crate::rights::Rights;
use crate::scope::Scopes;
use crate::store::Change;
use crate::web::body::Body;
use crate::web::call::Call;

const NOTHING: &Rights = &Rights::of_scopes(Scopes::NONE);

/// Lets the caller give a user a token with these scopes: the caller holds them in the account that the issuer is of, and
/// what they come to in each account that the user is a member of.
///
/// # Errors
/// [`Refusal::InsufficientScope`], naming the first scope that the caller may not give.
pub async fn check_token<B: Body, P>(
    change: &Change<'_>,
    call: &Call<B, P>,
    user: UserId,
    scopes: &Scopes,
) -> Result<(), Refusal> {
    if !call.issuer()?.platform {
        return Ok(());
    }
    own(call)?.permit(scopes)?;
    for (account, theirs) in accounts_of(change, call, user).await? {
        call.caller()?.in_account(account).unwrap_or(NOTHING).permit(&theirs.within(scopes).to_scopes())?;
    }
    Ok(())
}

/// Lets the caller change how a user signs in: the caller holds all of the account that the issuer is of, as who runs the
/// platform does, or in each account all that the user does.
///
/// # Errors
/// As [`check_token`].
pub async fn check_sign_in<B: Body, P>(change: &Change<'_>, call: &Call<B, P>, user: UserId) -> Result<(), Refusal> {
    if !call.issuer()?.platform || own(call)?.is_full() {
        return Ok(());
    }
    for (account, theirs) in accounts_of(change, call, user).await? {
        call.caller()?.in_account(account).unwrap_or(NOTHING).permit(&theirs.to_scopes())?;
    }
    Ok(())
}

/// Lets the caller make or change a client of these types: one of the platform's own is given all that whoever signs in to
/// it may do, and asks nobody.
///
/// # Errors
/// [`Refusal::InsufficientScope`].
pub fn check_client<B: Body, P>(call: &Call<B, P>, types: &[ClientType]) -> Result<(), Refusal> {
    if !call.issuer()?.platform || !types.contains(&ClientType::Internal) || own(call)?.is_full() {
        return Ok(());
    }
    let all = "*:**".parse().map_err(Refusal::internal)?;
    Err(Refusal::InsufficientScope(all))
}

/// What the caller holds in the account that the issuer is of.
fn own<B: Body, P>(call: &Call<B, P>) -> Result<&Rights, Refusal> {
    Ok(call.caller()?.in_account(call.account()?).unwrap_or(NOTHING))
}

/// What a user of the issuer holds, account by account.
async fn accounts_of<B: Body, P>(
    change: &Change<'_>,
    call: &Call<B, P>,
    user: UserId,
) -> Result<Vec<(AccountId, Rights)>, Refusal> {
    let held = change.reads().memberships().effective_scopes(call.issuer()?.id, MemberId::User(user)).await?;
    let mut found = Vec::new();
    for EffectiveMembership { org_id, scopes, .. } in held {
        let account = org_id.account();
        if change.reads().accounts().exists(account).await? {
            found.push((account, Rights::of_member(&scopes)));
        }
    }
    Ok(found)
}
