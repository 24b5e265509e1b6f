//! Single sign-on of organizations: the domains that one organization of an issuer has proven.

use sea_orm::DbBackend;

use super::m0001_first::Tables;
use super::tables::{id, index, primary, table, text_of};

pub(super) fn tables(backend: DbBackend) -> Tables {
    let mut domain = table(backend, "authpi_sso_domain");
    domain.col(id("issuer_id")).col(text_of("domain", 253)).col(id("org_id"));
    domain.primary_key(&mut primary(&["issuer_id", "domain"]));
    let indices = vec![index("authpi_sso_domain_by_organization", "authpi_sso_domain", &["org_id"])];
    (vec![domain], indices)
}
