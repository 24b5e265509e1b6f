//! Passwords that everybody knows: the list that is looked at without asking anybody.

use super::password::Password;
use crate::folding::folded;

/// Folded, sorted, one a line, none shorter than the lowest minimum of an issuer.
const COMMON: &str = include_str!("common.txt");

/// One of the most common passwords, in whatever spelling.
pub fn is_common(password: &Password) -> bool {
    let wanted = zeroize::Zeroizing::new(folded(password.expose()));
    COMMON.lines().any(|known| known == wanted.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verifier::model::PasswordPolicy;

    #[test]
    fn the_list_is_folded_sorted_and_without_repetition() {
        let lines: Vec<_> = COMMON.lines().collect();
        assert!(lines.len() >= 1000, "{}", lines.len());
        assert!(lines.is_sorted_by(|one, next| one < next));
        for line in lines {
            assert_eq!(folded(line), line);
            assert!(line.chars().count() >= PasswordPolicy::LOWEST.min_chars, "{line} can be no password anyway");
        }
    }

    #[test]
    fn spelling_does_not_help() {
        for common in ["password1", "PassWord1", "1Q2W3E4R5T", "iloveyou123"] {
            assert!(is_common(&Password::new(common)), "{common}");
        }
        assert!(!is_common(&Password::new("password of a kind")));
    }
}
