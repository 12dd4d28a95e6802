//! Members of a config by their names in the specification.
//!
//! A config may spell a key in another case; loading and edits both treat it as the key of
//! the specification.

use crate::json::edit::{ArrayMut, ObjectMut, ValueMut};
use crate::json::folds_to;

/// The place of the member that is read under this name.
pub fn place_of(object: &mut ObjectMut<'_>, name: &str) -> Option<usize> {
    let exact = object.find(name);
    exact.or_else(|| object.find_by(|key| folds_to(key, name)))
}

/// The value that is read under this name, else the object itself.
pub fn find<'t>(mut object: ObjectMut<'t>, name: &str) -> Result<ValueMut<'t>, ObjectMut<'t>> {
    match place_of(&mut object, name) {
        Some(i) => Ok(object.at(i)),
        None => Err(object),
    }
}

/// The object under this name; `None` where it is absent or null.
pub fn object_in<'t>(object: ObjectMut<'t>, name: &str) -> Option<ObjectMut<'t>> {
    find(object, name).ok()?.object()
}

/// The object under this name, made where it is absent or null.
pub fn object_made_in<'t>(object: ObjectMut<'t>, name: &str) -> Option<ObjectMut<'t>> {
    made(object, name, "{}").object()
}

/// The array under this name; `None` where it is absent or null.
pub fn array_in<'t>(object: ObjectMut<'t>, name: &str) -> Option<ArrayMut<'t>> {
    find(object, name).ok()?.array()
}

/// The array under this name, made where it is absent or null.
pub fn array_made_in<'t>(object: ObjectMut<'t>, name: &str) -> Option<ArrayMut<'t>> {
    made(object, name, "[]").array()
}

fn made<'t>(object: ObjectMut<'t>, name: &str, empty: &str) -> ValueMut<'t> {
    match find(object, name) {
        Ok(mut value) => {
            if value.is_null() {
                value.overwrite(empty);
            }
            value
        }
        Err(mut object) => {
            object.push(name, empty);
            let last = object.len() - 1;
            object.at(last)
        }
    }
}
