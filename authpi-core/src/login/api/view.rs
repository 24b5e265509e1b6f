//! Which page of a step is shown.

/// Which page of a step is shown, where it has several. Only what is shown depends on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum View {
    /// The one that the step begins with.
    #[default]
    First,
    /// Who signs in, again.
    Identify,
    /// The password, where another way is shown first.
    Password,
    /// The code of a mail.
    Code,
    /// The link of a mail.
    Link,
    /// A forgotten password.
    Reset,
    /// A mail about it is on its way, if there is such a user.
    ResetSent,
    /// Signing up.
    SignUp,
    /// A code on paper.
    Backup,
}

impl View {
    const ALL: [(&'static str, Self); 8] = [
        ("identify", Self::Identify),
        ("password", Self::Password),
        ("code", Self::Code),
        ("link", Self::Link),
        ("reset", Self::Reset),
        ("reset-sent", Self::ResetSent),
        ("signup", Self::SignUp),
        ("backup", Self::Backup),
    ];

    /// As the query of the page names it.
    pub(super) fn named(text: Option<&str>) -> Self {
        let known = Self::ALL.iter().find(|(name, _)| Some(*name) == text);
        known.map(|(_, view)| *view).unwrap_or_default()
    }

    /// As the address of the page has it.
    pub(super) fn query(self) -> String {
        let known = Self::ALL.iter().find(|(_, view)| *view == self);
        known.map(|(name, _)| format!("&view={name}")).unwrap_or_default()
    }
}
