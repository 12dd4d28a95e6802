//! The vectors of platform_vectors.rs once more, through the C surface.

use ociimg::ffi::*;
use serde_json::{Map, Value, json};
use std::cmp::Ordering;
use std::ffi::{CStr, CString, c_char};
use std::ptr;

fn vectors(section: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(include_str!("data/platform-vectors.json")).unwrap();
    all[section].as_array().unwrap().clone()
}

/// A platform that is freed.
struct Platform(*mut ociimg_platform);

impl Drop for Platform {
    fn drop(&mut self) {
        // SAFETY: the one time.
        unsafe { ociimg_platform_free(self.0) }
    }
}

/// A matcher that is freed.
struct Matcher(*mut ociimg_matcher);

impl Matcher {
    fn get(&self) -> Option<&ociimg_matcher> {
        // SAFETY: NULL or a matcher that is not freed before `self`.
        unsafe { self.0.as_ref() }
    }
}

impl Drop for Matcher {
    fn drop(&mut self) {
        // SAFETY: the one time.
        unsafe { ociimg_matcher_free(self.0) }
    }
}

fn c_string(json: &Value) -> CString {
    CString::new(json.as_str().unwrap_or_default()).expect("the vectors' platforms have no NUL")
}

fn text(pointer: *const c_char) -> Option<String> {
    // SAFETY: NULL or a text that its platform lends.
    (!pointer.is_null()).then(|| unsafe { CStr::from_ptr(pointer) }.to_str().unwrap().into())
}

impl Platform {
    fn new(json: &Value) -> Self {
        let [os, architecture, variant, version] =
            ["os", "architecture", "variant", "os.version"].map(|key| c_string(&json[key]));
        let none = Vec::new();
        let features = json["os.features"].as_array().unwrap_or(&none);
        let features: Vec<_> = features.iter().map(c_string).collect();
        let pointers: Vec<_> = features.iter().map(|f| f.as_ptr()).collect();
        let mut out = ptr::null_mut();
        // SAFETY: C strings that outlive the call.
        let status = unsafe {
            ociimg_platform_new(
                os.as_ptr(),
                architecture.as_ptr(),
                variant.as_ptr(),
                version.as_ptr(),
                pointers.as_ptr(),
                pointers.len(),
                &mut out,
                ptr::null_mut(),
            )
        };
        assert_eq!(status, 0);
        Self(out)
    }

    fn get(&self) -> Option<&ociimg_platform> {
        // SAFETY: NULL or a platform that is not freed before `self`.
        unsafe { self.0.as_ref() }
    }

    /// The platform, or the status and the message.
    fn parse(specifier: &CStr, host: &Platform) -> Result<Self, (ociimg_status, String)> {
        let (mut out, mut err) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: a C string, a platform, and outputs.
        unsafe {
            let status = ociimg_platform_parse(specifier.as_ptr(), host.get(), &mut out, &mut err);
            if status == 0 {
                assert!(err.is_null());
                return Ok(Self(out));
            }
            assert!(out.is_null());
            let message = text(ociimg_error_message(err.as_ref())).unwrap();
            ociimg_error_free(err);
            Err((status, message))
        }
    }

    /// As the vectors write it: what is absent is left out.
    fn json(&self) -> Value {
        let mut json = Map::new();
        for (key, value) in [
            ("os", ociimg_platform_os(self.get())),
            ("architecture", ociimg_platform_architecture(self.get())),
            ("variant", ociimg_platform_variant(self.get())),
            ("os.version", ociimg_platform_os_version(self.get())),
        ] {
            json.extend(text(value).map(|value| (key.to_owned(), value.into())));
        }
        let count = ociimg_platform_os_feature_count(self.get());
        let features: Vec<_> = (0..count)
            .map(|i| text(ociimg_platform_os_feature_at(self.get(), i)).unwrap())
            .collect();
        assert!(ociimg_platform_os_feature_at(self.get(), count).is_null());
        if !features.is_empty() {
            json.insert("os.features".into(), features.into());
        }
        json.into()
    }

    fn formats(&self) -> [String; 2] {
        [
            ociimg_platform_format(self.get()),
            ociimg_platform_format_all(self.get()),
        ]
        .map(|format| text(format).unwrap())
    }

    fn normalize(&self) -> Self {
        Self(ociimg_platform_normalize(self.get()))
    }
}

/// A platform of the vectors without the texts that are "", which count as absent.
fn without_empty(json: &Value) -> Value {
    let mut members = json.as_object().unwrap().clone();
    members.retain(|_, value| value != "");
    members.into()
}

#[test]
fn parse_and_normalize() {
    let host = Platform::new(&json!({"os": "linux", "architecture": "amd64"}));
    for v in vectors("parse") {
        let id = &v["id"];
        // C has no text with NUL, so those few can't be asked.
        let Ok(input) = CString::new(v["input"].as_str().unwrap()) else {
            continue;
        };
        let no_text = v["non_utf8"] == true || v["platform"].to_string().contains("\\u0000");
        match Platform::parse(&input, &host) {
            Ok(found) => {
                assert!(v["ok"] == true && !no_text, "{id}");
                assert_eq!(found.json(), without_empty(&v["platform"]), "{id}");
                assert_eq!(
                    json!(found.formats()),
                    json!([v["format"], v["format_all"]]),
                    "{id}"
                );
                assert_eq!(
                    found.normalize().json(),
                    without_empty(&v["normalized"]),
                    "{id}"
                );
            }
            Err((status, message)) => {
                assert!(v["ok"] == false || no_text, "{id}: {message}");
                let invalid = ociimg_status_values::OCIIMG_STATUS_INVALID_ARGUMENT;
                assert_eq!(status, invalid as ociimg_status, "{id}: {message}");
            }
        }
    }
    for v in vectors("normalize") {
        let id = &v["id"];
        let given = Platform::new(&v["in"]);
        let normal = given.normalize();
        assert_eq!(normal.json(), without_empty(&v["out"]), "{id}");
        assert_eq!(
            json!(given.formats()),
            json!([v["format_in"], v["format_all_in"]]),
            "{id}"
        );
        assert_eq!(
            json!(normal.formats()),
            json!([v["format_out"], v["format_all_out"]]),
            "{id}"
        );
    }
}

#[test]
fn matching_and_order() {
    for v in vectors("match") {
        let id = &v["id"];
        let platforms = |list: &str| -> Vec<_> {
            v[list]
                .as_array()
                .unwrap()
                .iter()
                .map(Platform::new)
                .collect()
        };
        let (want, candidates) = (platforms("want"), platforms("candidates"));
        let pointers: Vec<_> = want.iter().map(|p| p.0).collect();
        let first = want.first().and_then(Platform::get);
        // SAFETY: platforms.
        let matcher = Matcher(unsafe {
            match v["mode"].as_str().unwrap() {
                "only" => ociimg_matcher_only(first),
                "onlystrict" => ociimg_matcher_only_strict(first),
                "onlyos" => ociimg_matcher_only_os(first),
                "ordered" => ociimg_matcher_ordered(pointers.as_ptr(), pointers.len()),
                "any" => ociimg_matcher_any(pointers.as_ptr(), pointers.len()),
                "all" => ociimg_matcher_all(),
                "windows_default" => ociimg_matcher_default(first),
                mode => panic!("no such mode: {mode}"),
            }
        });
        let less = |a: &usize, b: &usize| {
            ociimg_matcher_less(matcher.get(), candidates[*a].get(), candidates[*b].get())
        };
        let order = |a: &usize, b: &usize| match (less(a, b), less(b, a)) {
            (1, _) => Ordering::Less,
            (_, 1) => Ordering::Greater,
            _ => Ordering::Equal,
        };
        let mut sorted: Vec<usize> = (0..candidates.len()).collect();
        sorted.sort_by(order);
        assert_eq!(json!(sorted), v["stable_sort_of_all_candidates"], "{id}");
        sorted.retain(|&i| ociimg_matcher_match(matcher.get(), candidates[i].get()) == 1);
        assert_eq!(
            json!(sorted),
            v["matched_indices_in_preference_order"],
            "{id}"
        );
    }
}
