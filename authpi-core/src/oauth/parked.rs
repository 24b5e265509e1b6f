//! Forms that other sites post here (D17). They bring no cookie that is `SameSite=Lax`; turned into a GET of the same
//! path they do. The form travels sealed, for a minute and for one request, or for as long as a page of
//! ours asks, so that nothing of it stands in a URL.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use http::header::LOCATION;

use super::model::OnceKey;
use super::once::is_first_use;
use crate::error::Refusal;
use crate::oauth_error::OAuthError;
use crate::seal::Sealed;
use crate::timestamp::Timestamp;
use crate::web::answer::Answer;
use crate::web::parameters::Parameters;
use crate::web::runtime::IssuerCall;

/// How long a form waits for its GET.
const TURNED: Duration = Duration::from_mins(1);

/// Longest form: what fits into a URL once it is sealed.
const LONGEST: usize = 8 * 1024;

/// The name of the parameter.
pub(super) const HANDLE: &str = "parked";

fn context(call: &IssuerCall, endpoint: &str) -> String {
    format!("parked-form:{endpoint}:{}", call.issuer_id())
}

/// The answer that turns a form into a GET of the endpoint.
///
/// # Errors
/// `invalid_request` for a form that is too long.
pub(super) async fn turned(call: &IssuerCall, endpoint: &str, form: &[u8]) -> Result<Answer, Refusal> {
    if form.len() > LONGEST {
        return Err(OAuthError::invalid_request("The request is too long.").into());
    }
    let to = format!("{}/{endpoint}?{HANDLE}={}", call.iss(), handle(call, endpoint, form).await?);
    Ok(Answer::empty(StatusCode::SEE_OTHER).header(LOCATION, &to))
}

/// What stands for a form in a URL.
///
/// # Errors
/// [`Refusal::Internal`] when it cannot be sealed.
pub(super) async fn handle(call: &IssuerCall, endpoint: &str, form: &[u8]) -> Result<String, Refusal> {
    let root = call.services().root_for(Some(call.issuer_id())).await?;
    let plain = [call.now().as_millis().to_be_bytes().as_slice(), form].concat();
    let sealed = root.key.seal(&context(call, endpoint), &plain).map_err(Refusal::internal)?;
    Ok(URL_SAFE_NO_PAD.encode(sealed.as_bytes()))
}

/// The form that a request stands for, which is used up with that; none when it stands for itself.
///
/// # Errors
/// `invalid_request` for one that is no form of ours, is older than [`TURNED`], or was used before.
pub(super) async fn opened(call: &IssuerCall, endpoint: &str) -> Result<Option<Parameters>, Refusal> {
    let Some(form) = read(call, endpoint, TURNED).await? else { return Ok(None) };
    if !is_first_use(call, form.key, form.until).await? {
        return Err(GONE.into());
    }
    Ok(Some(form.parameters))
}

/// The form that a page of ours asked about, for as long as it `waits` for its answer; what is done with it, is done
/// once by other means.
///
/// # Errors
/// `invalid_request` for one that is no form of ours, or is too old.
pub(super) async fn asked(call: &IssuerCall, endpoint: &str, waits: Duration) -> Result<Option<Parameters>, Refusal> {
    Ok(read(call, endpoint, waits).await?.map(|form| form.parameters))
}

const GONE: OAuthError =
    OAuthError::invalid_request("The request is too old, or came twice. Go back to the application.");

/// What a handle stands for.
struct Form {
    key: OnceKey,
    until: Timestamp,
    parameters: Parameters,
}

async fn read(call: &IssuerCall, endpoint: &str, lasts: Duration) -> Result<Option<Form>, Refusal> {
    let Some(handle) = call.query()?.get(HANDLE) else { return Ok(None) };
    let sealed = URL_SAFE_NO_PAD.decode(handle).map_err(|_| GONE)?;
    let root = call.services().root_for(Some(call.issuer_id())).await?;
    let key = OnceKey::of_parked(&call.services().keyring.peppers, call.issuer_id(), &sealed);
    let plain = root.key.open(&context(call, endpoint), &Sealed::from_bytes(sealed)).map_err(|_| GONE)?;
    let (at, form) = plain.split_first_chunk::<8>().ok_or(GONE)?;
    let until = Timestamp::from_millis(i64::from_be_bytes(*at)).plus(lasts);
    if call.now() >= until {
        return Err(GONE.into());
    }
    Ok(Some(Form { key, until, parameters: Parameters::parse(form)? }))
}
