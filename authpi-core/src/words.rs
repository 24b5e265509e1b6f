//! Words that stand for values, in the filters of lists.

/// A word that stands for no value of its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a known word")]
pub struct UnknownWord;

/// Says once which word stands for which value: gives the type `WORDS`, for documentation and checks, and
/// [`FromStr`](std::str::FromStr). A word that is missing here is refused; it never becomes another value.
macro_rules! words {
    ($type:ty: $($word:literal => $value:expr),+ $(,)?) => {
        impl $type {
            /// Every word that stands for a value.
            pub const WORDS: &'static [&'static str] = &[$($word),+];
        }

        impl std::str::FromStr for $type {
            type Err = crate::words::UnknownWord;

            fn from_str(word: &str) -> Result<Self, Self::Err> {
                match word {
                    $($word => Ok($value),)+
                    _ => Err(crate::words::UnknownWord),
                }
            }
        }
    };
}

pub(crate) use words;
