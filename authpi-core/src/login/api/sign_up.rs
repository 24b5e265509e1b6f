//! Signing up: what is typed on the page, or sent by one of the issuer.

use async_trait::async_trait;
use serde_json::{Map, Value};

use super::bodies::FlowSignUp;
use super::frame::FlowStep;
use super::guard::{Postage, holder_of};
use super::steps::post;
use super::view::View;
use crate::custom_fields::{FieldDefinition, FieldKind};
use crate::error::Refusal;
use crate::login::model::Flow;
use crate::login::operations::{self, Glance, StepResult, Visitor};
use crate::pages::html::sign_up::{CustomField, CustomFieldKind};
use crate::secret::Secret;
use crate::store::Change;
use crate::user::model::User;
use crate::verifier::screening::{Person, Screened, screened};
use crate::web::parameters::Parameters;
use crate::web::route::Route;
use crate::web::runtime::IssuerCall;

/// What was looked at before the unit of work.
#[derive(Default)]
pub(super) struct Entry {
    password: Option<Screened>,
    custom_fields: Map<String, Value>,
}

/// `signUp`
pub(super) struct SignUp;

#[async_trait]
impl FlowStep for SignUp {
    type Body = FlowSignUp;
    type Prepared = Entry;

    fn route(&self) -> Route {
        post("/{issuer_id}/flows/{flow_id}/signup", "signUp", "Become a user")
    }

    fn presents(&self) -> bool {
        true
    }

    fn mails(&self) -> bool {
        true
    }

    fn names_another(&self) -> bool {
        true
    }

    async fn postage(
        &self,
        call: &IssuerCall,
        flow: &Flow,
        _: Option<&User>,
        (body, entry): (&FlowSignUp, &Entry),
    ) -> Result<Option<Postage>, Refusal> {
        let services = call.services();
        let root = services.root_for(Some(flow.issuer_id)).await?;
        let glance = Glance {
            reads: services.store.reads(),
            peppers: &services.keyring.peppers,
            root: &root.key,
            issuer: flow.issuer_id,
            now: call.now(),
        };
        if !operations::mails_at_sign_up(glance, call.issuer(), flow, wanted(body, entry)).await? {
            return Ok(None);
        }
        let typed = body.email.trim();
        let owner = holder_of(call, typed).await?;
        let real = owner.as_ref().and_then(User::email).map(str::to_owned);
        Ok(Some(Postage { typed: typed.to_owned(), real, is_stranger: true }))
    }

    fn of_form(&self, form: &Parameters, query: &Parameters) -> Option<FlowSignUp> {
        Some(FlowSignUp {
            email: form.get("identifier")?.to_owned(),
            password: form.get("password").map(Secret::new),
            profile: Map::new(),
            custom_fields: Map::new(),
            invitation: query.get("invitation").map(Secret::new),
            terms: Some(form.get("terms") == Some("true")),
        })
    }

    fn asks(&self) -> View {
        View::SignUp
    }

    async fn prepare(
        &self,
        call: &IssuerCall,
        flow: &Flow,
        _: Option<&User>,
        body: &FlowSignUp,
    ) -> Result<Entry, Refusal> {
        let custom_fields = if call.sends_form() { filled_in(call)? } else { body.custom_fields.clone() };
        let Some(password) = &body.password else { return Ok(Entry { password: None, custom_fields }) };
        let about = body.profile.values().filter_map(|value| value.as_str()).map(str::to_owned).collect();
        let person = Person { username: Some(body.email.trim().to_owned()), about };
        let place = (flow.account_id, flow.issuer_id);
        let password = screened(call.services(), place, person, password.expose()).await?;
        Ok(Entry { password, custom_fields })
    }

    async fn apply(
        &self,
        change: &mut Change<'_>,
        visitor: &Visitor,
        flow: Flow,
        body: &FlowSignUp,
        prepared: &Entry,
    ) -> StepResult {
        operations::sign_up(change, visitor, flow, wanted(body, prepared)).await
    }
}

fn wanted(body: &FlowSignUp, entry: &Entry) -> operations::SignUp {
    operations::SignUp {
        address: body.email.trim().to_owned(),
        profile: body.profile.clone(),
        custom_fields: entry.custom_fields.clone(),
        password: entry.password.clone(),
        invitation: body.invitation.as_ref().map(|token| token.expose().to_owned()),
        terms: body.terms,
    }
}

/// The custom fields of a form, by what they are. What is no number stays a text, and is refused as one.
fn filled_in(call: &IssuerCall) -> Result<Map<String, Value>, Refusal> {
    let form = call.form()?;
    let typed = |(name, definition): (&String, &FieldDefinition)| {
        let text = form.get(&format!("custom_fields.{name}")).map(str::trim).filter(|text| !text.is_empty());
        let value = match (definition.kind, text) {
            (FieldKind::Boolean, text) => Value::Bool(text == Some("true")),
            (_, None) => return None,
            (FieldKind::Number, Some(text)) => {
                text.parse::<serde_json::Number>().map_or_else(|_| Value::from(text), Value::Number)
            }
            (_, Some(text)) => Value::from(text),
        };
        Some((name.clone(), value))
    };
    Ok(asked(call).filter_map(typed).collect())
}

fn asked(call: &IssuerCall) -> impl Iterator<Item = (&String, &FieldDefinition)> {
    let definitions = &call.issuer().issuer.details.settings.users.custom_fields;
    definitions.iter().filter(|(_, definition)| definition.is_asked_at_sign_up())
}

/// The custom fields that the page of a sign-up asks for, with what was typed, or is the default.
pub(super) fn custom_fields(call: &IssuerCall) -> Vec<CustomField> {
    let form = if call.sends_form() { call.form().ok() } else { None };
    let shown = |(name, definition): (&String, &FieldDefinition)| {
        let typed = form.map(|form| form.get(&format!("custom_fields.{name}")).unwrap_or_default().to_owned());
        CustomField {
            name: name.clone(),
            label: definition.label.clone(),
            description: definition.description.clone(),
            kind: kind(definition),
            // A tick that must be there could only say yes.
            required: definition.required && definition.kind != FieldKind::Boolean,
            value: typed.unwrap_or_else(|| definition.default.as_ref().map(text).unwrap_or_default()),
        }
    };
    asked(call).map(shown).collect()
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn kind(definition: &FieldDefinition) -> CustomFieldKind {
    let shown = |bound: &Option<serde_json::Number>| bound.as_ref().map(ToString::to_string);
    match definition.kind {
        FieldKind::String => CustomFieldKind::String { max_length: definition.max_length.unwrap_or(1_000) },
        FieldKind::Number => CustomFieldKind::Number { min: shown(&definition.min), max: shown(&definition.max) },
        FieldKind::Boolean => CustomFieldKind::Boolean,
        FieldKind::Date => CustomFieldKind::Date,
        FieldKind::Enum => CustomFieldKind::Enum { values: definition.values.clone() },
    }
}
