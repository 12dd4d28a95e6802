//! The platform rules against vectors that containerd/platforms v1.0.0-rc.4 itself
//! answered on a linux/amd64 host; `header` in the file says how they were made.

use ociimg::platform::{Matcher, Platform};
use ociimg::text::Text;
use serde_json::Value;

fn vectors(section: &str, count: usize) -> Vec<Value> {
    let all: Value = serde_json::from_str(include_str!("data/platform-vectors.json")).unwrap();
    let vectors = all[section].as_array().unwrap().clone();
    assert_eq!(vectors.len(), count);
    vectors
}

fn platform(json: &Value) -> Platform {
    let text = |name: &str| json[name].as_str().filter(|t| !t.is_empty()).map(text);
    Platform {
        os: text("os"),
        architecture: text("architecture"),
        variant: text("variant"),
        os_version: text("os.version"),
        os_features: json["os.features"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|f| self::text(f.as_str().unwrap()))
            .collect(),
    }
}

fn text(text: &str) -> Text {
    Text::new(text).unwrap()
}

fn linux_amd64() -> Platform {
    Platform {
        os: Some(text("linux")),
        architecture: Some(text("amd64")),
        ..Platform::default()
    }
}

/// A part of the message for this kind of error of the Go package.
fn part_named(error_kind: &str) -> &'static str {
    match error_kind {
        "wildcard" => "\": wildcard \"",
        "os_component" => "\": operating system \"",
        "os_version_escape" => "\": version \"",
        "os_feature_escape" => "\": feature \"",
        "component" => " expected [A-Za-z0-9_.-]+ between the slashes",
        "unknown_os_or_arch" => "\": word \"",
        "too_many_components" => " expected os/architecture/variant at most",
        kind => panic!("no such kind of error: {kind}"),
    }
}

#[test]
fn parse() {
    for v in vectors("parse", 400) {
        let (id, input) = (&v["id"], v["input"].as_str().unwrap());
        let found = Platform::parse(input, &linux_amd64());
        if v["ok"] == false {
            let message = found.unwrap_err().to_string();
            let part = part_named(v["error_kind"].as_str().unwrap());
            assert!(message.contains(part), "{id} {input:?}: {message}");
        } else if v["non_utf8"] == true || v["platform"].to_string().contains("\\u0000") {
            // Go's strings carry what the project's texts cannot.
            let message = found.unwrap_err().to_string();
            assert!(message.contains("expected escapes"), "{id}: {message}");
        } else {
            let found = found.unwrap_or_else(|e| panic!("{id} {input:?}: {e}"));
            assert_eq!(found, platform(&v["platform"]), "{id} {input:?}");
            assert_eq!(found.format(), v["format"], "{id}");
            assert_eq!(found.format_all(), v["format_all"], "{id}");
            assert_eq!(found.normalize(), platform(&v["normalized"]), "{id}");
        }
    }
}

#[test]
fn normalize() {
    for v in vectors("normalize", 150) {
        let (id, given) = (&v["id"], platform(&v["in"]));
        let normal = given.normalize();
        assert_eq!(normal, platform(&v["out"]), "{id}");
        assert_eq!(given.format(), v["format_in"], "{id}");
        assert_eq!(given.format_all(), v["format_all_in"], "{id}");
        assert_eq!(normal.format(), v["format_out"], "{id}");
        assert_eq!(normal.format_all(), v["format_all_out"], "{id}");
    }
}

#[test]
fn matching_and_order() {
    for v in vectors("match", 600) {
        let platforms = |list: &str| -> Vec<Platform> {
            v[list].as_array().unwrap().iter().map(platform).collect()
        };
        let (want, candidates) = (platforms("want"), platforms("candidates"));
        let all_wanted: Vec<&Platform> = want.iter().collect();
        let matcher = match v["mode"].as_str().unwrap() {
            "only" => Matcher::only(&want[0]),
            "onlystrict" => Matcher::only_strict(&want[0]),
            "onlyos" => Matcher::only_os(&want[0]),
            "ordered" => Matcher::ordered(&all_wanted),
            "any" => Matcher::any(&all_wanted),
            "all" => Matcher::all(),
            "windows_default" => Matcher::default_for(&want[0]),
            mode => panic!("no such mode: {mode}"),
        };
        check(&v, &matcher, &candidates);
        if v["class"] == "host default darwin/freebsd" {
            check(&v, &Matcher::default_for(&want[0]), &candidates);
        }
    }
}

fn check(v: &Value, matcher: &Matcher, candidates: &[Platform]) {
    let id = &v["id"];
    let selected: Vec<usize> = matcher.select(candidates.iter().zip(0..));
    assert_eq!(
        serde_json::json!(selected),
        v["matched_indices_in_preference_order"],
        "{id}"
    );
    let mut sorted: Vec<usize> = (0..candidates.len()).collect();
    sorted.sort_by_key(|&i| matcher.key(&candidates[i]));
    assert_eq!(
        serde_json::json!(sorted),
        v["stable_sort_of_all_candidates"],
        "{id}"
    );
    for pair in candidates.windows(2) {
        let less = matcher.key(&pair[0]) < matcher.key(&pair[1]);
        assert_eq!(matcher.less(&pair[0], &pair[1]), less, "{id}");
    }
}
