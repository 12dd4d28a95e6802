//! The keys that a reader expects in an object, and the checks of a skipped value.

use super::keys::folds_to;

/// The keys that the specification defines in an object: at most 32.
#[derive(Clone, Copy)]
pub struct Defined {
    names: &'static [&'static str],
    any_case: bool,
}

impl Defined {
    /// A key that differs from one of these by case alone is refused: Go would take it for
    /// that one.
    pub const fn exactly(names: &'static [&'static str]) -> Self {
        Self {
            names,
            any_case: false,
        }
    }

    /// A key that differs from one of these by case alone counts as that one, as in Go,
    /// unless the object has two spellings of it.
    pub const fn in_any_case(names: &'static [&'static str]) -> Self {
        Self {
            names,
            any_case: true,
        }
    }

    pub fn names(self) -> &'static [&'static str] {
        self.names
    }

    pub fn any_case(self) -> bool {
        self.any_case
    }

    /// The defined name that Go takes this key for.
    pub fn name_of(self, key: &str) -> Option<&'static str> {
        let mut names = self.names.iter().copied();
        names.find(|name| folds_to(key, name))
    }
}

/// The checks of a skipped value beyond the grammar.
#[derive(Clone, Copy, Default)]
pub struct Checks {
    /// No object has a key twice.
    pub keys: bool,
    /// No string or key holds U+0000.
    pub nul: bool,
}
