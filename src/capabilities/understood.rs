//! What a capability made of the wanted state, kept for the rest of the claim.

use std::{
    any::Any,
    fmt,
    sync::{Arc, OnceLock},
};

/// Read once, asked for often: deciding, intending and learning each need the wanted state in the capability's own form.
///
/// A copy starts empty, so that whoever changes the wanted state of a copy does not meet what the original made of its own.
#[derive(Default)]
pub struct Understood(OnceLock<Arc<dyn Any + Send + Sync>>);

impl Understood {
    /// What was made before; else what `read` makes now, which is kept unless it failed.
    pub fn or_read<T: Any + Send + Sync, E>(&self, read: impl FnOnce() -> Result<T, E>) -> Result<Arc<T>, E> {
        if let Some(known) = self.0.get().and_then(|known| Arc::clone(known).downcast().ok()) {
            return Ok(known);
        }
        let made = Arc::new(read()?);
        // Of two that read at once, either may stay: they made the same.
        self.0.get_or_init(|| made.clone());
        Ok(made)
    }
}

impl Clone for Understood {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl fmt::Debug for Understood {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Understood").field(&self.0.get().is_some()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_once_and_a_copy_reads_anew() {
        let understood = Understood::default();
        assert_eq!(understood.or_read(|| Err::<i32, _>("unreadable")), Err("unreadable"));
        assert_eq!(understood.or_read(|| Ok::<_, &str>(1)), Ok(Arc::new(1)));
        assert_eq!(understood.or_read(|| Ok::<_, &str>(2)), Ok(Arc::new(1)));
        assert_eq!(understood.clone().or_read(|| Ok::<_, &str>(3)), Ok(Arc::new(3)));
    }
}
