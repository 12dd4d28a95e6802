//! Sets values of an object. Each function returns whether something changed; an equal
//! value keeps its spelling.

use crate::image::members::{array_in, array_made_in, object_in, object_made_in, place_of};
use crate::json::edit::{ObjectMut, ValueMut};
use crate::json::scan::quoted;

/// A text, or its absence; "" and null count as absent.
pub fn set_text(mut object: ObjectMut<'_>, name: &str, text: Option<&str>) -> bool {
    match (place_of(&mut object, name), text) {
        (Some(i), Some(text)) => set_string(object.at(i), text),
        (Some(i), None) => {
            let value = object.reborrow().at(i);
            let is_there = !value.is_null() && value.text().is_none_or(|text| !text.is_empty());
            if is_there {
                object.remove_at(i);
            }
            is_there
        }
        (None, Some(text)) => {
            object.push(name, &quoted(text));
            true
        }
        (None, None) => false,
    }
}

fn set_string(mut value: ValueMut<'_>, text: &str) -> bool {
    let differs = value.text().as_deref() != Some(text);
    if differs {
        value.overwrite(&quoted(text));
    }
    differs
}

/// A list of texts, or its absence; null counts as absent.
pub fn set_list(mut object: ObjectMut<'_>, name: &str, texts: Option<&[&str]>) -> bool {
    match (place_of(&mut object, name), texts) {
        (Some(i), Some(texts)) => {
            let differs = !says(object.reborrow().at(i), texts);
            if differs {
                object.at(i).overwrite(&array_of(texts));
            }
            differs
        }
        (Some(i), None) => {
            let is_there = !object.reborrow().at(i).is_null();
            if is_there {
                object.remove_at(i);
            }
            is_there
        }
        (None, Some(texts)) => {
            object.push(name, &array_of(texts));
            true
        }
        (None, None) => false,
    }
}

/// Whether a value is read as these texts: a string counts as a list of one, a null in a
/// list as "".
fn says(value: ValueMut<'_>, texts: &[&str]) -> bool {
    if let Some(text) = value.text() {
        return texts == [&*text];
    }
    let Some(mut array) = value.array() else {
        return false;
    };
    array.len() == texts.len()
        && texts.iter().enumerate().all(|(i, text)| {
            let value = array.at(i);
            value.text().as_deref().unwrap_or_default() == *text
        })
}

fn array_of(texts: &[&str]) -> String {
    let texts: Vec<_> = texts.iter().map(|text| quoted(text)).collect();
    format!("[{}]", texts.join(","))
}

/// Sets a text under a user-defined key, in an object that is made if absent.
pub fn set_entry(object: ObjectMut<'_>, name: &str, key: &str, text: Option<&str>) -> bool {
    let Some(text) = text else {
        return object_in(object, name).is_some_and(|mut map| map.remove(key));
    };
    let Some(mut map) = object_made_in(object, name) else {
        return false;
    };
    match map.find(key) {
        Some(i) => {
            let mut value = map.at(i);
            // A null counts as "".
            let differs = value.text().as_deref().unwrap_or_default() != text;
            if differs {
                value.overwrite(&quoted(text));
            }
            differs
        }
        None => {
            map.push(key, &quoted(text));
            true
        }
    }
}

/// Sets a key to an empty object, in an object that is made if absent.
pub fn set_key(object: ObjectMut<'_>, name: &str, key: &str, present: bool) -> bool {
    if !present {
        return object_in(object, name).is_some_and(|mut map| map.remove(key));
    }
    let Some(mut map) = object_made_in(object, name) else {
        return false;
    };
    let is_new = map.find(key).is_none();
    if is_new {
        map.push(key, "{}");
    }
    is_new
}

/// A variable in a list of `name=value`. One that is named twice gets one value, in the
/// first place.
pub fn set_variable(object: ObjectMut<'_>, list: &str, name: &str, value: Option<&str>) -> bool {
    let is_named = |entry: &ValueMut<'_>| {
        entry.may_start_with(name)
            && entry.text().is_some_and(|entry| {
                let rest = entry.strip_prefix(name);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
            })
    };
    let Some(value) = value else {
        return array_in(object, list).is_some_and(|mut array| !array.retain(|e| !is_named(e)));
    };
    let entry = format!("{name}={value}");
    let Some(mut array) = array_made_in(object, list) else {
        return false;
    };
    let first = (0..array.len()).find(|i| is_named(&array.at(*i)));
    let Some(first) = first else {
        array.push(&quoted(&entry));
        return true;
    };
    let changed = set_string(array.at(first), &entry);
    let mut seen = false;
    let all_kept = array.retain(|e| !is_named(e) || !std::mem::replace(&mut seen, true));
    changed || !all_kept
}
