//! The key that signs checkpoints: Ed25519, a PKCS #8 file as `openssl genpkey -algorithm ed25519` makes it.

use std::fmt;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use rustls::pki_types::{PrivatePkcs8KeyDer, pem::PemObject as _};

use super::{Checkpoint, SignedCheckpoint};

/// Signs checkpoints and checks their signatures.
pub struct CheckpointKey(Ed25519KeyPair);

/// The file does not hold a key of this kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it holds no Ed25519 private key in PEM (PKCS #8); `openssl genpkey -algorithm ed25519` makes one")]
pub struct NoCheckpointKey;

impl CheckpointKey {
    /// From a file's content.
    pub fn from_pem(pem: &[u8]) -> Result<Self, NoCheckpointKey> {
        let key = PrivatePkcs8KeyDer::from_pem_slice(pem).map_err(|_| NoCheckpointKey)?;
        // Most tools write PKCS #8 version 1, without the public key.
        Ed25519KeyPair::from_pkcs8_maybe_unchecked(key.secret_pkcs8_der()).map(Self).map_err(|_| NoCheckpointKey)
    }

    /// Signs a checkpoint.
    pub fn sign(&self, checkpoint: Checkpoint) -> SignedCheckpoint {
        let signature = self.0.sign(&checkpoint.signed_bytes()).as_ref().to_vec();
        SignedCheckpoint { checkpoint, signature }
    }

    /// Whether this key signed it.
    pub fn signed(&self, signed: &SignedCheckpoint) -> bool {
        let public = UnparsedPublicKey::new(&ED25519, self.0.public_key().as_ref());
        public.verify(&signed.checkpoint.signed_bytes(), &signed.signature).is_ok()
    }
}

impl fmt::Debug for CheckpointKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CheckpointKey(Ed25519)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Head;

    fn pem() -> String {
        rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap().serialize_pem()
    }

    fn checkpoint(seq: u64) -> Checkpoint {
        Checkpoint { organisation: "acme".into(), head: Head { seq, hash: [1; 32] }, at: 5 }
    }

    #[test]
    fn a_signature_holds_for_its_checkpoint_and_its_key_alone() {
        let (ours, other) =
            (CheckpointKey::from_pem(pem().as_bytes()).unwrap(), CheckpointKey::from_pem(pem().as_bytes()).unwrap());
        let signed = ours.sign(checkpoint(1));
        assert!(ours.signed(&signed));
        assert!(!other.signed(&signed));
        assert!(!ours.signed(&SignedCheckpoint { checkpoint: checkpoint(2), ..signed.clone() }));
        assert!(!ours.signed(&SignedCheckpoint { signature: vec![], ..signed }));
    }

    #[test]
    fn what_is_no_key_of_this_kind_is_refused() {
        let elliptic = rcgen::KeyPair::generate().unwrap().serialize_pem();
        for text in ["", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", &elliptic] {
            assert_eq!(CheckpointKey::from_pem(text.as_bytes()).unwrap_err(), NoCheckpointKey);
        }
    }

    #[test]
    fn the_key_is_never_printed() {
        assert_eq!(format!("{:?}", CheckpointKey::from_pem(pem().as_bytes()).unwrap()), "CheckpointKey(Ed25519)");
    }
}
