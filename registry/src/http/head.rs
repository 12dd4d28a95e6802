//! The head of an answer.

/// What all header fields of one answer may take.
const MAX_FIELDS: usize = 256 * 1024;

#[derive(Clone, Debug, Default)]
pub struct Head {
    pub status: u16,
    fields: Vec<(String, String)>,
    size: usize,
    is_complete: bool,
}

impl Head {
    /// Takes the next line. Several heads may come: of a proxy, of interim answers; the last
    /// one counts. False where it is too much.
    pub fn push(&mut self, line: &[u8]) -> bool {
        let line = String::from_utf8_lossy(line);
        let line = line.trim_end_matches(['\r', '\n']);
        if self.is_complete && line.starts_with("HTTP/") {
            *self = Self::default();
        }
        self.size += line.len();
        if self.size > MAX_FIELDS {
            return false;
        }
        if line.starts_with([' ', '\t']) {
            // A field that goes on; the line end counts as a space.
            if let Some((_, value)) = self.fields.last_mut().filter(|_| !self.is_complete) {
                value.push(' ');
                value.push_str(line.trim_matches([' ', '\t']));
            }
        } else if line.is_empty() {
            // Interim answers are followed by the real one.
            self.is_complete = true;
        } else if line.starts_with("HTTP/") && self.status == 0 {
            let status = line.split(' ').nth(1).and_then(|text| text.parse().ok());
            self.status = status.unwrap_or(0);
        } else if !self.is_complete
            && let Some((name, value)) = line.split_once(':')
        {
            let value = value.trim_matches([' ', '\t']);
            self.fields
                .push((name.trim().to_ascii_lowercase(), value.to_owned()));
        }
        true
    }

    /// Whether the head of the final answer is there.
    pub fn is_final(&self) -> bool {
        self.is_complete && self.status >= 200
    }

    /// The first field of this name, which is in small letters.
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut fields = self.fields.iter();
        fields
            .find(|(field, _)| field == name)
            .map(|(_, value)| value.as_str())
    }

    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let fields = self.fields.iter().filter(move |(field, _)| field == name);
        fields.map(|(_, value)| value.as_str())
    }

    pub fn content_length(&self) -> Option<u64> {
        // With a transfer encoding it does not count.
        match self.get("transfer-encoding") {
            Some(_) => None,
            None => self.get("content-length")?.parse().ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_head_counts() {
        let mut head = Head::default();
        for line in ["HTTP/1.1 100 Continue\r\n", "\r\n"] {
            assert!(head.push(line.as_bytes()));
        }
        assert!(!head.is_final());
        for line in [
            "HTTP/2 401 \r\n",
            "A: 1\r\n",
            "a:2\r\n",
            " \t3 \r\n",
            "content-length: 7\r\n",
            "\r\n",
        ] {
            assert!(head.push(line.as_bytes()));
        }
        assert!(head.is_final());
        assert_eq!(head.status, 401);
        assert_eq!(head.all("a").collect::<Vec<_>>(), ["1", "2 3"]);
        assert_eq!(head.content_length(), Some(7));
    }

    #[test]
    fn a_head_is_bounded() {
        let mut head = Head::default();
        let line = [b'a'; 1024];
        assert!(!(0..1000).all(|_| head.push(&line)));
    }
}
