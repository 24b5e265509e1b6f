#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a failing test panics")]

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn survives_text_and_json<T>(id: T)
where
    T: Copy + PartialEq + fmt::Debug + fmt::Display + FromStr<Err = InvalidId> + Serialize + DeserializeOwned,
{
    let text = id.to_string();
    assert_eq!(text.parse(), Ok(id));
    assert!(is_opaque_id(&text));
    assert_eq!(format!("{id:?}"), text);
    assert_eq!(serde_json::to_value(id).unwrap(), json!(text));
    assert_eq!(serde_json::from_value::<T>(json!(text)).unwrap(), id);
}

#[test]
fn text_has_prefix_and_padded_lower_case_digits() {
    assert_eq!(OrganizationId::from_uuid(Uuid::nil()).to_string(), format!("org_{}", "0".repeat(25)));
    assert_eq!(OrganizationId::from_uuid(Uuid::max()).to_string(), "org_f5lxx1zz5pnorynqglhzmsp33");
    assert_eq!(UserId::from_uuid(Uuid::from_u128(36 * 36 + 35)).to_string(), format!("usr_{}10z", "0".repeat(22)));
    assert_eq!(ApiKeyId::from_uuid(Uuid::from_u128(0xab)).to_string(), format!("key_{}ab", "0".repeat(30)));
}

#[test]
fn only_the_canonical_text_parses() {
    let digits = "0".repeat(24);
    assert!(format!("org_{digits}z").parse::<OrganizationId>().is_ok());
    let refused = [
        String::new(),
        "org_".to_owned(),
        format!("org_{digits}"),
        format!("org_{digits}00"),
        format!("org_{digits}Z"),
        format!("org_+{digits}"),
        format!("org_{digits}-"),
        format!("org_{}é", "0".repeat(23)),
        format!("ORG_{digits}0"),
        format!("usr_{digits}0"),
        format!(" org_{digits}0"),
        "org_f5lxx1zz5pnorynqglhzmsp34".to_owned(),
        format!("org_{}", "z".repeat(25)),
    ];
    for text in refused {
        assert_eq!(text.parse::<OrganizationId>(), Err(InvalidId), "{text}");
    }
    assert_eq!(format!("key_{}A", "0".repeat(31)).parse::<ApiKeyId>(), Err(InvalidId));
    assert_eq!(format!("key_{}g", "0".repeat(31)).parse::<ApiKeyId>(), Err(InvalidId));
    assert!(serde_json::from_value::<OrganizationId>(json!(7)).is_err());
}

#[test]
fn member_is_told_by_its_prefix() {
    let uuid = Uuid::from_u128(7);
    let (user, agent) = (MemberId::User(UserId::from_uuid(uuid)), MemberId::Agent(AgentId::from_uuid(uuid)));
    assert_eq!((user.kind(), agent.kind()), (MemberKind::User, MemberKind::Agent));
    assert_eq!((user.uuid(), agent.uuid()), (uuid, uuid));
    assert!(user < agent);
    assert_eq!(OrganizationId::from_uuid(uuid).to_string().parse::<MemberId>(), Err(InvalidId));
    assert_eq!(serde_json::to_value(MemberKind::Agent).unwrap(), json!("agent"));
}

#[test]
fn opaque_ids_are_short_words() {
    assert!(is_opaque_id("a") && is_opaque_id(&"Z_9".repeat(21)) && is_opaque_id(&"x".repeat(64)));
    for text in ["", "a-b", "a b", "a/b", "é", "a\0", &"x".repeat(65)] {
        assert!(!is_opaque_id(text), "{text:?}");
    }
}

#[test]
fn uuids_have_version_variant_and_given_bits() {
    let expected = Uuid::from_u128(0x019e_b8a1_ac00_7abc_bfff_ffff_ffff_ffff);
    assert_eq!(uuid_v7(0x019e_b8a1_ac00, 0xfabc, [0xff; 8]), expected);
    assert_eq!(uuid_v7(0xffff_019e_b8a1_ac00, 0xabc, [0xff; 8]), expected);
    assert_eq!(uuid_v4([0xff; 16]), Uuid::from_u128(0xffff_ffff_ffff_4fff_bfff_ffff_ffff_ffff));
}

#[test]
fn schema_names_the_type_and_its_example_parses() {
    let schema = serde_json::to_value(OrganizationId::schema()).unwrap();
    assert_eq!(schema["pattern"], "^org_[0-9a-z]{25}$");
    assert!(schema["examples"][0].as_str().unwrap().parse::<OrganizationId>().is_ok());
    let schema = serde_json::to_value(AgentId::schema()).unwrap();
    assert_eq!(schema["pattern"], "^agt_[0-9a-f]{32}$");
    assert!(schema["examples"][0].as_str().unwrap().parse::<AgentId>().is_ok());
    assert_eq!((AgentId::name(), MemberId::name()), ("AgentId".into(), "MemberId".into()));
}

proptest! {
    #[test]
    fn ids_survive_text_and_json(value: u128) {
        let uuid = Uuid::from_u128(value);
        survives_text_and_json(IssuerId::from_uuid(uuid));
        survives_text_and_json(ApiKeyId::from_uuid(uuid));
        survives_text_and_json(MemberId::User(UserId::from_uuid(uuid)));
        survives_text_and_json(MemberId::Agent(AgentId::from_uuid(uuid)));
        prop_assert_eq!(AccountId::from_uuid(uuid).organization().account().uuid(), uuid);
    }

    #[test]
    fn parsed_text_is_written_the_same(text in "org_[0-9a-zA-Z]{25}") {
        if let Ok(id) = text.parse::<OrganizationId>() {
            prop_assert_eq!(id.to_string(), text);
        }
    }

    #[test]
    fn ids_and_their_texts_order_alike(a: u128, b: u128) {
        let (a, b) = (EventId::from_uuid(Uuid::from_u128(a)), EventId::from_uuid(Uuid::from_u128(b)));
        prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
    }

    #[test]
    fn later_uuids_order_after_earlier_ones(millis in 0_u64..1 << 47, sequence in 0_u16..0xfff, random: [u8; 8]) {
        let first = uuid_v7(millis, sequence, [0xff; 8]);
        prop_assert!(first < uuid_v7(millis, sequence + 1, random));
        prop_assert!(first < uuid_v7(millis + 1, 0, random));
    }
}
