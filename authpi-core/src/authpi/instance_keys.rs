//! The keys of an instance: made once in an empty store, loaded at every start.

use zeroize::Zeroizing;

use super::BuildError;
use crate::error::{StoreError, StoreErrorKind};
use crate::keyring::Keyring;
use crate::outcome::InsertOutcome;
use crate::seal::{SealKey, SealKeys};
use crate::secret::{KeyTag, Pepper, Peppers};
use crate::store::{InstanceKeyPurpose, Store, WrappedInstanceKey};
use crate::transport::{Clock, Entropy, KeyVault, VaultError};

/// Loads the instance keys; makes the first ones.
pub(super) struct KeyringLoader<'a> {
    pub(super) store: &'a dyn Store,
    pub(super) vault: &'a dyn KeyVault,
    pub(super) clock: &'a dyn Clock,
    pub(super) entropy: &'a dyn Entropy,
}

impl KeyringLoader<'_> {
    pub(super) async fn load(&self) -> Result<Keyring, BuildError> {
        let mut stored = self.store.reads().instance().keys().await?;
        if stored.is_empty() {
            self.make_first().await?;
            stored = self.store.reads().instance().keys().await?;
        }
        let mut peppers = Vec::new();
        let mut seals = Vec::new();
        for key in stored {
            let plain = self.vault.unwrap(&instance_context(key.purpose, key.tag), &key.wrapped).await?;
            let bytes: [u8; 32] = plain.as_slice().try_into().map_err(|_| VaultError::WrongKey)?;
            match key.purpose {
                InstanceKeyPurpose::Pepper => peppers.push(Pepper::new(key.tag, bytes)),
                InstanceKeyPurpose::Seal => seals.push(SealKey::new(key.tag, bytes)),
            }
        }
        let incomplete = || StoreError::corrupt("instance.keys", "an instance has no pepper or no sealing key");
        let mut peppers = peppers.into_iter();
        let mut seals = seals.into_iter();
        let pepper = peppers.next().ok_or_else(incomplete)?;
        let seal = seals.next().ok_or_else(incomplete)?;
        Ok(Keyring { peppers: Peppers::new(pepper, peppers.collect()), seals: SealKeys::new(seal, seals.collect()) })
    }

    /// Of several processes that start on one empty database, one makes the keys and the others load them.
    async fn make_first(&self) -> Result<(), BuildError> {
        let tag = KeyTag::new(1);
        let mut keys = Vec::new();
        for purpose in [InstanceKeyPurpose::Pepper, InstanceKeyPurpose::Seal] {
            let mut bytes = Zeroizing::new([0; 32]);
            self.entropy.fill(bytes.as_mut())?;
            let wrapped = self.vault.wrap(&instance_context(purpose, tag), bytes.as_ref()).await?;
            keys.push(WrappedInstanceKey { tag, purpose, wrapped });
        }
        let made = self.insert(&keys).await;
        match made {
            Err(error) if matches!(error.kind, StoreErrorKind::Conflict | StoreErrorKind::Retryable) => Ok(()),
            other => Ok(other?),
        }
    }

    async fn insert(&self, keys: &[WrappedInstanceKey]) -> Result<(), StoreError> {
        let mut unit = self.store.begin(self.clock.now()).await?;
        for key in keys {
            if unit.instance().add_key(key).await? == InsertOutcome::Taken {
                return Ok(());
            }
        }
        unit.commit().await
    }
}

fn instance_context(purpose: InstanceKeyPurpose, tag: KeyTag) -> String {
    format!("instance-{}:{}", purpose.as_str(), tag.get())
}
