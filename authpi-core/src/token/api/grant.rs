//! Whoever makes a token for a user of the platform issuer can act as that user: they get no further than they are
//! (core-api 1.9).

use crate::error::Refusal;
use crate::id::{MemberId, UserId};
use crate::rights::Rights;
use crate::scope::Scopes;
use crate::store::Change;
use crate::web::body::Body;
use crate::web::call::Call;

/// In the platform issuer, lets the caller give a user a token with these scopes: the caller holds them in the account
/// that the issuer is of, and what they come to in each account that the user is a member of.
///
/// # Errors
/// [`Refusal::InsufficientScope`], naming the first scope that the caller may not give.
pub(super) async fn check_grant<B: Body, P>(
    change: &Change<'_>,
    call: &Call<B, P>,
    user: UserId,
    scopes: &Scopes,
) -> Result<(), Refusal> {
    let issuer = call.issuer()?;
    if !issuer.platform {
        return Ok(());
    }
    let caller = call.caller()?;
    let none = Rights::default();
    caller.in_account(change.account()).unwrap_or(&none).permit(scopes)?;
    let held = change.reads().memberships().effective_scopes(issuer.id, MemberId::User(user)).await?;
    for (organization, _, theirs) in held {
        let account = organization.account();
        if change.reads().accounts().exists(account).await? {
            let given = Rights::of_member(&theirs).within(scopes).to_scopes();
            caller.in_account(account).unwrap_or(&none).permit(&given)?;
        }
    }
    Ok(())
}
