//! How hard a password is to guess.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use zxcvbn::feedback::Feedback;
use zxcvbn::{Score, zxcvbn};

use super::password::{InvalidPassword, Password};
use crate::secret::hex;

/// What is guessed in fewer than a million attempts is refused: the lockout stops those who guess at a login long
/// before, Argon2id makes it hours for those who have the hash.
const WEAKEST: Score = Score::Two;

/// Characters of the hash that a range service is told: it answers for hundreds of passwords.
const RANGE_CHARS: usize = 5;

/// Estimates how many guesses somebody needs who knows `about`: names and addresses of the user. Takes milliseconds:
/// only on the CPU pool.
///
/// # Errors
/// [`InvalidPassword::Guessable`], with a reason and advice that do not repeat the password.
pub fn check_strength(password: &Password, about: &[String]) -> Result<(), InvalidPassword> {
    let known: Vec<&str> = about.iter().map(String::as_str).collect();
    let estimate = zxcvbn(password.expose(), &known);
    if estimate.score() >= WEAKEST {
        return Ok(());
    }
    let warning = estimate.feedback().and_then(Feedback::warning).map(|warning| warning.to_string());
    let advice = "Use several words that do not belong together.".to_owned();
    Err(InvalidPassword::Guessable(warning.into_iter().chain([advice]).collect::<Vec<_>>().join(" ")))
}

/// What a k-anonymity range service is asked with, and what its answer is searched for: the beginning and the rest of
/// the SHA-1 hash of a password, in upper-case hex.
pub fn range_of(password: &Password) -> (String, String) {
    let mut whole = hex(digest(&SHA1_FOR_LEGACY_USE_ONLY, password.expose().as_bytes()).as_ref()).to_uppercase();
    let rest = whole.split_off(RANGE_CHARS);
    (whole, rest)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "a failing test panics")]

    use super::*;

    fn check(password: &str, about: &[&str]) -> Result<(), InvalidPassword> {
        let about: Vec<_> = about.iter().map(|&text| text.to_owned()).collect();
        check_strength(&Password::new(password), &about)
    }

    #[test]
    fn what_is_guessed_quickly_is_refused_with_a_reason() {
        for weak in ["aaaaaaaaaaaa", "1234567890", "qwertyuiop", "password123", "abcabcabcabc", "football1"] {
            let Err(InvalidPassword::Guessable(reason)) = check(weak, &[]) else { panic!("{weak} is accepted") };
            assert!(reason.ends_with("belong together.") && !reason.contains(weak), "{weak}: {reason}");
        }
    }

    #[test]
    fn long_phrases_and_random_letters_are_accepted() {
        for strong in
            ["correct horse battery", "kx7!qZp2vv", "das pferd frisst keinen gurkensalat", "🦀🐘🦒🐍🦉🐙🦈🦋🐞🦜"]
        {
            assert_eq!(check(strong, &[]), Ok(()), "{strong}");
        }
    }

    #[test]
    fn what_is_known_of_the_user_makes_a_password_weaker() {
        assert_eq!(check("Aloysius-Pendergast", &[]), Ok(()));
        assert!(check("Aloysius1", &["aloysius"]).is_err());
    }

    #[test]
    fn a_range_is_asked_for_with_five_characters() {
        // SHA-1 of "password" is 5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8.
        let (range, rest) = range_of(&Password::new("password"));
        assert_eq!((range.as_str(), rest.as_str()), ("5BAA6", "1E4C9B93F3F0682250B6CF8331B7EE68FD8"));
    }
}
