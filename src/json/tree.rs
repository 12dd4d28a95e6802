//! A JSON document in pieces, some of which can be replaced.

use super::scan;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// A document that can be edited. Clones are independent.
#[derive(Clone, Debug)]
pub struct Tree {
    pub source: Arc<str>,
    pub root: Node,
    /// The value in the source; what surrounds it is white space.
    span: Range<usize>,
}

/// Text of the source, or text that was put in.
#[derive(Clone, Debug)]
pub enum Piece {
    Source(Range<usize>),
    New(Box<str>),
}

#[derive(Clone, Debug)]
pub enum Node {
    /// A value that was not split yet.
    Text(Piece),
    Object(Box<Object>),
    Array(Box<Array>),
}

#[derive(Clone, Debug)]
pub struct Object {
    pub members: Vec<Member>,
    /// From the last value to the closing brace.
    pub tail: Piece,
    /// The places of the keys, once there are many.
    pub places: Option<HashMap<Box<str>, usize>>,
}

#[derive(Clone, Debug)]
pub struct Member {
    /// From the value before it, or the opening brace, to the key.
    pub before: Piece,
    pub key: Piece,
    /// From the key to the value.
    pub colon: Piece,
    pub value: Node,
}

#[derive(Clone, Debug)]
pub struct Array {
    pub elements: Vec<Element>,
    pub tail: Piece,
}

#[derive(Clone, Debug)]
pub struct Element {
    pub before: Piece,
    pub value: Node,
}

impl Piece {
    pub fn new(text: &str) -> Self {
        Self::New(text.into())
    }

    pub fn text<'a>(&'a self, source: &'a str) -> &'a str {
        match self {
            Self::Source(span) => &source[span.clone()],
            Self::New(text) => text,
        }
    }

    /// Part of this piece.
    fn part(&self, span: Range<usize>) -> Self {
        match self {
            Self::Source(whole) => Self::Source(whole.start + span.start..whole.start + span.end),
            Self::New(text) => Self::new(&text[span]),
        }
    }
}

impl Tree {
    pub fn new(document: impl Into<Arc<str>>) -> Self {
        let source = document.into();
        let span = scan::value(&source);
        let root = Node::Text(Piece::Source(span.clone()));
        Self { source, root, span }
    }

    pub fn render(&self) -> String {
        let mut out = String::with_capacity(self.source.len() + 64);
        out.push_str(&self.source[..self.span.start]);
        self.root.render(&self.source, &mut out);
        out.push_str(&self.source[self.span.end..]);
        out
    }
}

impl Node {
    pub fn render(&self, source: &str, out: &mut String) {
        match self {
            Self::Text(piece) => out.push_str(piece.text(source)),
            Self::Object(object) => {
                out.push('{');
                for m in &object.members {
                    for piece in [&m.before, &m.key, &m.colon] {
                        out.push_str(piece.text(source));
                    }
                    m.value.render(source, out);
                }
                out.push_str(object.tail.text(source));
                out.push('}');
            }
            Self::Array(array) => {
                out.push('[');
                for e in &array.elements {
                    out.push_str(e.before.text(source));
                    e.value.render(source, out);
                }
                out.push_str(array.tail.text(source));
                out.push(']');
            }
        }
    }

    /// Splits an object or array into its parts.
    pub fn split(&mut self, source: &str) {
        let Self::Text(piece) = self else { return };
        let text = piece.text(source);
        let mut end = 1;
        match text.as_bytes().first() {
            Some(b'{') => {
                let mut members = Vec::new();
                for m in scan::members(text, 0) {
                    members.push(Member {
                        before: piece.part(end..m.key.start),
                        colon: piece.part(m.key.end..m.value.start),
                        key: piece.part(m.key),
                        value: Self::Text(piece.part(m.value.clone())),
                    });
                    end = m.value.end;
                }
                let tail = piece.part(end..text.len() - 1);
                *self = Self::Object(Box::new(Object {
                    members,
                    tail,
                    places: None,
                }));
            }
            Some(b'[') => {
                let mut elements = Vec::new();
                for value in scan::elements(text, 0) {
                    elements.push(Element {
                        before: piece.part(end..value.start),
                        value: Self::Text(piece.part(value.clone())),
                    });
                    end = value.end;
                }
                let tail = piece.part(end..text.len() - 1);
                *self = Self::Array(Box::new(Array { elements, tail }));
            }
            _ => {}
        }
    }
}
