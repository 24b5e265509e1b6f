//! Blockchain accounts: a chain by CAIP-2, an address of it by CAIP-10.

use std::fmt;
use std::str::FromStr;

use sha3::{Digest, Keccak256};
use thiserror::Error;

/// The text names no account of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum InvalidWallet {
    /// Not `namespace:reference`.
    #[error("not a chain: namespace:reference, such as eip155:8453")]
    Chain,
    /// Not an address of the chain.
    #[error("not an address of the chain")]
    Address,
    /// Of mixed case, and not the case that the checksum demands.
    #[error("the checksum of the address does not match: one character is wrong, or its case")]
    Checksum,
}

/// An account of a chain in its one normal spelling: what is equal is the same account.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Wallet {
    chain: String,
    address: String,
}

impl Wallet {
    /// The account `address` of `chain`.
    ///
    /// On `eip155` chains the address is `0x` and 40 hexadecimal digits; of mixed case it must have a right checksum
    /// (EIP-55); it is kept in lower case. On `solana` it is the base58 of 32 bytes. Elsewhere it is whatever CAIP-10
    /// allows, upper and lower case apart.
    ///
    /// # Errors
    /// [`InvalidWallet`].
    pub fn new(chain: &str, address: &str) -> Result<Self, InvalidWallet> {
        let (namespace, reference) = chain.split_once(':').ok_or(InvalidWallet::Chain)?;
        if !is_chain(namespace, reference) {
            return Err(InvalidWallet::Chain);
        }
        let address = match namespace {
            "eip155" => evm_address(address)?,
            "solana" if is_32_bytes_of_base58(address) => address.to_owned(),
            "solana" => return Err(InvalidWallet::Address),
            _ if is_address(address) => address.to_owned(),
            _ => return Err(InvalidWallet::Address),
        };
        Ok(Self { chain: chain.to_owned(), address })
    }

    /// `text` names a chain as CAIP-2 does.
    pub fn is_chain(text: &str) -> bool {
        text.split_once(':').is_some_and(|(namespace, reference)| is_chain(namespace, reference))
    }

    /// The chain: `eip155:8453`.
    pub fn chain(&self) -> &str {
        &self.chain
    }

    /// The address.
    pub fn address(&self) -> &str {
        &self.address
    }
}

/// CAIP-10: `chain:address`.
impl fmt::Display for Wallet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.chain, self.address)
    }
}

impl FromStr for Wallet {
    type Err = InvalidWallet;

    fn from_str(text: &str) -> Result<Self, InvalidWallet> {
        let (chain, address) = text.rsplit_once(':').ok_or(InvalidWallet::Chain)?;
        Self::new(chain, address)
    }
}

/// CAIP-2. The number of an `eip155` chain has one spelling: `eip155:01` would be another account than `eip155:1`.
fn is_chain(namespace: &str, reference: &str) -> bool {
    let is_namespace = (3..=8).contains(&namespace.len())
        && namespace.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    let is_reference = (1..=32).contains(&reference.len())
        && reference.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    let is_number = !reference.starts_with('0') && reference.bytes().all(|byte| byte.is_ascii_digit());
    is_namespace && is_reference && (namespace != "eip155" || is_number)
}

/// CAIP-10.
fn is_address(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'%'))
}

fn evm_address(text: &str) -> Result<String, InvalidWallet> {
    let digits = text.strip_prefix("0x").ok_or(InvalidWallet::Address)?;
    if digits.len() != 40 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(InvalidWallet::Address);
    }
    let lower = digits.to_ascii_lowercase();
    // All of one case is an address without checksum.
    let is_plain = digits == lower || digits == digits.to_ascii_uppercase();
    if is_plain || digits == checksummed(&lower) { Ok(format!("0x{lower}")) } else { Err(InvalidWallet::Checksum) }
}

/// EIP-55: a letter is upper case where the matching nibble of the Keccak-256 of the lower-case digits is 8 or more.
fn checksummed(lower: &str) -> String {
    let hash = Keccak256::digest(lower.as_bytes());
    let nibbles = hash.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]);
    lower
        .chars()
        .zip(nibbles)
        .map(|(digit, nibble)| if nibble >= 8 { digit.to_ascii_uppercase() } else { digit })
        .collect()
}

/// The digits of base58, in the order of their values.
const BASE58: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/// Whether a text is the base58 of exactly 32 bytes: leading ones stand for leading zero bytes.
fn is_32_bytes_of_base58(text: &str) -> bool {
    if !(32..=44).contains(&text.len()) {
        return false;
    }
    let mut number = [0_u8; 32];
    for digit in text.bytes() {
        let Some(value) = BASE58.iter().position(|known| *known == digit) else { return false };
        let mut carry = value;
        for byte in number.iter_mut().rev() {
            carry += usize::from(*byte) * 58;
            // The low eight bits always fit.
            *byte = u8::try_from(carry & 0xff).unwrap_or_default();
            carry >>= 8;
        }
        if carry > 0 {
            return false;
        }
    }
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let ones = text.bytes().take_while(|digit| *digit == b'1').count();
    zeros == ones
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use proptest::prelude::*;

    use super::*;

    /// The addresses of EIP-55 itself.
    const EIP55: [&str; 8] = [
        "0x52908400098527886E0F7030069857D2E4169EE7",
        "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
        "0xde709f2102306220921060314715629080e2fb77",
        "0x27b1fdb04752bbc536007a920d24acb045561c26",
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
        "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
    ];

    #[test]
    fn the_addresses_of_eip_55_are_accepted_and_kept_in_lower_case() {
        for address in EIP55 {
            let wallet = Wallet::new("eip155:8453", address).unwrap();
            assert_eq!(wallet.address(), address.to_ascii_lowercase());
            assert_eq!(wallet.to_string().parse(), Ok(wallet));
        }
    }

    #[test]
    fn one_letter_of_wrong_case_breaks_the_checksum() {
        for address in &EIP55[4..] {
            for (place, digit) in address.char_indices().skip(2).filter(|(_, digit)| digit.is_ascii_alphabetic()) {
                let other =
                    if digit.is_ascii_uppercase() { digit.to_ascii_lowercase() } else { digit.to_ascii_uppercase() };
                let wrong = format!("{}{other}{}", &address[..place], &address[place + 1..]);
                assert_eq!(Wallet::new("eip155:1", &wrong), Err(InvalidWallet::Checksum), "{wrong}");
            }
        }
    }

    #[test]
    fn all_of_one_case_has_no_checksum_to_break() {
        let lower = Wallet::new("eip155:1", &EIP55[4].to_ascii_lowercase()).unwrap();
        let upper = Wallet::new("eip155:1", &format!("0x{}", EIP55[4][2..].to_ascii_uppercase())).unwrap();
        assert_eq!(lower, upper);
        assert_eq!(lower, Wallet::new("eip155:1", EIP55[4]).unwrap());
    }

    #[test]
    fn what_is_no_address_of_the_chain_is_refused() {
        let hex = "5aaeb6053f3e94c9b9a09f33669435e7ef1beaed";
        let sol = "7S3P4HxJpyyigGzodYwHtCxZyUQe9JiBMHyRWXArAaKv";
        let wrong = [
            ("eip155:1", hex.to_owned(), InvalidWallet::Address),
            ("eip155:1", format!("0X{hex}"), InvalidWallet::Address),
            ("eip155:1", format!("0x{}", &hex[1..]), InvalidWallet::Address),
            ("eip155:1", format!("0x{hex}0"), InvalidWallet::Address),
            ("eip155:1", format!("0x{}g", &hex[1..]), InvalidWallet::Address),
            ("eip155:01", format!("0x{hex}"), InvalidWallet::Chain),
            ("eip155:base", format!("0x{hex}"), InvalidWallet::Chain),
            ("eip155:", format!("0x{hex}"), InvalidWallet::Chain),
            ("EIP155:1", format!("0x{hex}"), InvalidWallet::Chain),
            ("ab:1", "x".to_owned(), InvalidWallet::Chain),
            ("toolonged:1", "x".to_owned(), InvalidWallet::Chain),
            ("cosmos:a b", "x".to_owned(), InvalidWallet::Chain),
            ("cosmos", "x".to_owned(), InvalidWallet::Chain),
            ("cosmos:hub", String::new(), InvalidWallet::Address),
            ("cosmos:hub", "a b".to_owned(), InvalidWallet::Address),
            ("cosmos:hub", "a".repeat(129), InvalidWallet::Address),
            ("solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp", format!("{}1", &sol[..31]), InvalidWallet::Address),
            ("solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp", sol[2..].to_owned(), InvalidWallet::Address),
            ("solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp", sol.replace('7', "0"), InvalidWallet::Address),
            ("solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp", "z".repeat(44), InvalidWallet::Address),
        ];
        for (chain, address, problem) in wrong {
            assert_eq!(Wallet::new(chain, &address), Err(problem), "{chain} {address}");
        }
    }

    #[test]
    fn solana_addresses_are_32_bytes_and_keep_their_case() {
        let chain = "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp";
        for address in ["7S3P4HxJpyyigGzodYwHtCxZyUQe9JiBMHyRWXArAaKv", &"1".repeat(32)] {
            assert_eq!(Wallet::new(chain, address).unwrap().address(), address);
        }
        assert_eq!(Wallet::new(chain, &"1".repeat(33)), Err(InvalidWallet::Address));
    }

    proptest! {
        #[test]
        fn any_checksummed_address_is_accepted(bytes: [u8; 20]) {
            let lower = crate::secret::hex(&bytes);
            let wallet = Wallet::new("eip155:1", &format!("0x{}", checksummed(&lower)));
            prop_assert_eq!(wallet.map(|wallet| wallet.address), Ok(format!("0x{lower}")));
        }

        #[test]
        fn any_text_is_a_wallet_of_one_spelling_or_refused(chain: String, address: String) {
            if let Ok(wallet) = Wallet::new(&chain, &address) {
                prop_assert_eq!(wallet.to_string().parse(), Ok(wallet));
            }
        }
    }
}
