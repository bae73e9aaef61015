//! The calls of one exception, shared by all exceptions with the same trace.
//!
//! In: frames. Out: the same, and what was found out of them before. Invariants: frames that are shared do not change:
//! what changes them makes them its own first; a fact is a function of the frames. Does not know what facts there are.

use std::any::Any;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::Frame;

/// Kinds of facts that are kept of one trace.
const MAX_FACTS: usize = 9;

/// The calls of one exception, innermost first. A clone costs nothing, and the same trace, found again, may be the same
/// `Frames`.
#[derive(Clone, Default)]
pub struct Frames(Arc<Shared>);

#[derive(Default)]
struct Shared {
    frames: Vec<Frame>,
    facts: [OnceLock<Arc<dyn Any + Send + Sync>>; MAX_FACTS],
}

/// The frames as JSON; none where they cannot be written so.
struct Json(Option<Box<RawValue>>);

impl Frames {
    /// Whether others have the same value: only then are facts kept.
    pub fn is_shared(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    /// A number that no other `Frames` has as long as this one lives.
    pub fn address(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    /// What `find` finds out of the frames; of shared ones it is asked once for each type `T`.
    pub fn fact<T: Send + Sync + 'static>(&self, find: impl FnOnce(&[Frame]) -> T) -> Arc<T> {
        if !self.is_shared() {
            return Arc::new(find(self));
        }
        let kept = self.0.facts.iter().map_while(OnceLock::get).find_map(|fact| Arc::clone(fact).downcast().ok());
        kept.unwrap_or_else(|| {
            let found = Arc::new(find(self));
            let mut fact: Arc<dyn Any + Send + Sync> = Arc::<T>::clone(&found);
            for slot in &self.0.facts {
                match slot.set(fact) {
                    Ok(()) => break,
                    Err(refused) => fact = refused,
                }
            }
            found
        })
    }
}

impl Deref for Frames {
    type Target = Vec<Frame>;

    fn deref(&self) -> &Vec<Frame> {
        &self.0.frames
    }
}

impl DerefMut for Frames {
    fn deref_mut(&mut self) -> &mut Vec<Frame> {
        let shared = Arc::make_mut(&mut self.0);
        shared.facts = Default::default();
        &mut shared.frames
    }
}

/// The facts do not go with the frames: these are about to change.
impl Clone for Shared {
    fn clone(&self) -> Shared {
        Shared { frames: self.frames.clone(), ..Shared::default() }
    }
}

impl PartialEq for Frames {
    fn eq(&self, other: &Frames) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.frames == other.0.frames
    }
}

impl Eq for Frames {}

impl fmt::Debug for Frames {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.frames.fmt(out)
    }
}

impl Serialize for Frames {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let json = |frames: &[Frame]| Json(serde_json::value::to_raw_value(frames).ok());
        match self.is_shared().then(|| self.fact(json)) {
            Some(json) if json.0.is_some() => json.0.serialize(serializer),
            _ => self.0.frames.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Frames {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Frames, D::Error> {
        Vec::deserialize(deserializer).map(Frames::from)
    }
}

impl From<Vec<Frame>> for Frames {
    fn from(frames: Vec<Frame>) -> Frames {
        Frames(Arc::new(Shared { frames, ..Shared::default() }))
    }
}

impl FromIterator<Frame> for Frames {
    fn from_iter<T: IntoIterator<Item = Frame>>(frames: T) -> Frames {
        Frames::from(frames.into_iter().collect::<Vec<_>>())
    }
}

impl IntoIterator for Frames {
    type Item = Frame;
    type IntoIter = std::vec::IntoIter<Frame>;

    fn into_iter(self) -> Self::IntoIter {
        Arc::unwrap_or_clone(self.0).frames.into_iter()
    }
}

impl<'a> IntoIterator for &'a Frames {
    type Item = &'a Frame;
    type IntoIter = std::slice::Iter<'a, Frame>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'a> IntoIterator for &'a mut Frames {
    type Item = &'a mut Frame;
    type IntoIter = std::slice::IterMut<'a, Frame>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames() -> Frames {
        vec![Frame { function: Some("f\"".to_owned()), line: Some(3), ..Frame::default() }].into()
    }

    #[test]
    fn facts_are_kept_of_shared_frames_until_they_change() {
        let one = frames();
        let mut other = one.clone();
        assert_eq!(*one.fact(|frames| frames.len()), 1);
        assert_eq!(*other.fact(|_| 7_usize), 1);
        assert_eq!(*other.fact(|_| "another kind"), "another kind");
        other.push(Frame::default());
        assert_eq!((one.len(), *other.fact(|frames| frames.len())), (1, 2));
    }

    #[test]
    fn shared_frames_are_written_as_others_are() {
        let alone = serde_json::to_string(&frames()).unwrap();
        let shared = frames();
        let _other = shared.clone();
        assert_eq!(serde_json::to_string(&shared).unwrap(), alone);
        assert_eq!(serde_json::to_value(&shared).unwrap(), serde_json::from_str::<serde_json::Value>(&alone).unwrap());
    }
}
