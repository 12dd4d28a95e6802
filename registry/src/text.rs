//! Foreign text in messages: short, on one line, and without secrets.

use std::collections::VecDeque;
use std::fmt::Write;
use std::sync::{Mutex, MutexGuard};

const MAX_QUOTE: usize = 300;

/// Text of a server, of a document or of the program as a message quotes it: control
/// characters and quotes are escaped, a long one is cut.
pub fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if out.len() >= MAX_QUOTE {
            out.push_str("...");
            break;
        }
        match c {
            '\\' | '"' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            _ if c.is_control() || is_invisible(c) => {
                let _ = write!(out, "\\u{{{:x}}}", c as u32);
            }
            _ => out.push(c),
        }
    }
    out
}

/// Characters that change how the text around them is shown.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Secrets that messages must not contain: passwords and tokens, plain and as sent.
#[derive(Default)]
pub struct Secrets(Mutex<Known>);

#[derive(Default)]
struct Known {
    /// Of the program, auth files and helpers: there are few, and they stay in use.
    logins: Vec<String>,
    /// Of servers, which renew them now and then; the oldest are forgotten.
    tokens: VecDeque<String>,
}

const MAX_TOKENS: usize = 256;

impl Secrets {
    pub fn add_login(&self, secret: &str) {
        let mut known = self.lock();
        if !secret.is_empty() && !known.logins.iter().any(|known| known == secret) {
            known.logins.push(secret.to_owned());
        }
    }

    pub fn add_token(&self, secret: &str) {
        let tokens = &mut self.lock().tokens;
        if secret.is_empty() || tokens.iter().any(|known| known == secret) {
            return;
        }
        if tokens.len() >= MAX_TOKENS {
            tokens.pop_front();
        }
        tokens.push_back(secret.to_owned());
    }

    /// The text with every secret in it replaced.
    pub fn redact(&self, text: &str) -> String {
        let known = self.lock();
        let mut longest_first: Vec<&String> = known.logins.iter().chain(&known.tokens).collect();
        longest_first.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        let mut text = text.to_owned();
        for secret in longest_first {
            if text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), "***");
            }
        }
        text
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().expect("no panic while it is held")
    }
}

/// Percent-encoded as the value of a query or form.
pub fn percent_encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(
            escaped("a\u{1b}[31m\n\"\u{202e}"),
            "a\\u{1b}[31m\\n\\\"\\u{202e}"
        );
        assert!(escaped(&"a".repeat(1000)).len() < 310);
    }

    #[test]
    fn secrets_are_replaced_the_longest_first() {
        let secrets = Secrets::default();
        secrets.add_login("secret");
        secrets.add_token("secret-and-more");
        assert_eq!(secrets.redact("x secret-and-more y secret"), "x *** y ***");
    }

    #[test]
    fn a_password_outlives_any_number_of_tokens() {
        let secrets = Secrets::default();
        secrets.add_login("password");
        for i in 0..2 * MAX_TOKENS {
            secrets.add_token(&format!("token {i} of many"));
        }
        let newest = format!("token {} of many", 2 * MAX_TOKENS - 1);
        assert_eq!(secrets.redact(&format!("password, {newest}")), "***, ***");
    }

    #[test]
    fn values_are_percent_encoded() {
        assert_eq!(
            percent_encoded("repository:a/b:pull,push"),
            "repository%3Aa%2Fb%3Apull%2Cpush"
        );
    }
}
