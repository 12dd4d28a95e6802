//! Skips values that are not read, and still checks them.

use super::fault::Result;
use super::parse::Parser;
use super::schema::Checks;
use super::string::Scanned;
use super::texts::nul_in;

impl<'a> Parser<'a> {
    /// The next value as written.
    pub fn raw(&mut self, checks: Checks) -> Result<&'a str> {
        self.peek();
        let start = self.at;
        self.skip(checks)?;
        Ok(&self.text[start..self.at])
    }

    /// Skips a value. Iterative, since the document decides the depth.
    pub fn skip(&mut self, checks: Checks) -> Result<()> {
        let outer_depth = self.depth;
        // A bit for each level that was entered, the innermost lowest: is it an object?
        let mut objects: u128 = 0;
        let mut mark = self.keys.mark();
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.checked_string(checks)?;
                }
                Some(b'-' | b'0'..=b'9') => {
                    self.number()?;
                }
                Some(b't') => self.word("true")?,
                Some(b'f') => self.word("false")?,
                Some(b'n') => self.word("null")?,
                Some(open @ (b'{' | b'[')) => {
                    self.enter()?;
                    objects = objects << 1 | u128::from(open == b'{');
                    if open == b'{' {
                        mark = self.keys.push_mark(mark);
                    }
                    match self.peek() {
                        Some(b'}') if open == b'{' => {}
                        Some(b']') if open == b'[' => {}
                        _ => {
                            if open == b'{' {
                                self.skip_key(checks)?;
                            }
                            continue;
                        }
                    }
                }
                _ => return Err(self.unexpected("a value")),
            }
            // After a value: the next one, or the ends of the open objects and arrays.
            loop {
                if self.depth == outer_depth {
                    return Ok(());
                }
                let in_object = objects & 1 == 1;
                match self.peek() {
                    Some(b',') => {
                        self.at += 1;
                        if in_object {
                            self.skip_key(checks)?;
                        }
                        break;
                    }
                    Some(b'}') if in_object => {
                        self.check_keys(mark)?;
                        mark = self.keys.pop_mark(mark);
                    }
                    Some(b']') if !in_object => {}
                    _ if in_object => return Err(self.unexpected("',' or '}'")),
                    _ => return Err(self.unexpected("',' or ']'")),
                }
                objects >>= 1;
                self.leave()?;
            }
        }
    }

    /// Skips the key of a member and the colon.
    fn skip_key(&mut self, checks: Checks) -> Result<()> {
        if self.peek() != Some(b'"') {
            return Err(self.unexpected("a key"));
        }
        let at = self.at;
        let key = self.checked_string(checks)?;
        if checks.keys {
            self.keys.add(&key.decode(), at);
        }
        self.take(b':', "':'")
    }

    fn checked_string(&mut self, checks: Checks) -> Result<Scanned<'a>> {
        let string = self.scan_string()?;
        match checks.nul && string.holds_nul() {
            true => Err(nul_in(&string.decode())),
            false => Ok(string),
        }
    }
}
