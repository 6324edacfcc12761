//! Each public item has an example among the doctests: its own, or one beside it that names it.

use std::path::Path;

use super::sources;

/// A public item, as its source has it; or an `impl` with examples of its own.
struct Item {
    line: usize,
    name: String,
    /// Of a method, an associated constant or type: the type or the trait that it is found in.
    owner: Option<String>,
    /// The code of its own examples.
    example: String,
}

/// The code of the examples in lines of documentation that compile.
fn code<'a>(docs: impl IntoIterator<Item = &'a str>) -> String {
    let (mut code, mut fence) = (String::new(), None);
    for line in docs {
        match (line.trim().strip_prefix("```"), fence) {
            (Some(kind), None) => fence = Some(kind),
            (Some(_), Some(_)) => fence = None,
            (None, Some("" | "no_run" | "should_panic")) => {
                code.push_str(line);
                code.push('\n');
            }
            (None, _) => {}
        }
    }
    code
}

/// The first word, up to what cannot be part of a name.
fn word(text: &str) -> &str {
    text.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '$').next().unwrap_or_default()
}

fn names(code: &str, name: &str) -> bool {
    code.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == name)
}

/// What is declared in this line, without what comes before its name.
fn declared(line: &str) -> Option<(&str, &str)> {
    let mut rest = line.strip_prefix("pub ")?;
    for qualifier in ["const ", "async ", "unsafe "] {
        let is_item = ["fn ", "async ", "unsafe "];
        let stripped = rest.strip_prefix(qualifier);
        rest = stripped.filter(|next| is_item.iter().any(|item| next.starts_with(item))).unwrap_or(rest);
    }
    let (kind, rest) = rest.split_once(' ')?;
    let kinds = ["fn", "struct", "enum", "union", "trait", "type", "const", "static"];
    kinds.contains(&kind).then_some((kind, word(rest)))
}

/// The type that an `impl` is of.
fn implemented(line: &str) -> Option<&str> {
    let mut rest = line.strip_prefix("impl")?;
    if rest.starts_with('<') {
        let mut depth = 0;
        let end = rest.char_indices().find(|(at, c)| {
            depth += i32::from(*c == '<') - i32::from(*c == '>' && !rest[..*at].ends_with('-'));
            depth == 0
        })?;
        rest = &rest[end.0 + 1..];
    }
    let of = rest.split_once(" for ").map_or(rest, |(_, of)| of);
    Some(word(of.trim_start()))
}

fn items(text: &str) -> Vec<Item> {
    let (mut items, mut docs) = (Vec::new(), Vec::new());
    // The `impl` or the trait that began last, with its indentation.
    let mut around: Option<(usize, &str, bool)> = None;
    let mut private = None;
    for (at, full) in text.lines().enumerate() {
        let line = full.trim_start();
        let indent = full.len() - line.len();
        // What is within a private module is not public.
        if line.is_empty() || private.is_some_and(|outside| indent > outside) {
            continue;
        }
        private = (line.starts_with("mod ") && line.ends_with('{')).then_some(indent);
        if let Some(doc) = line.strip_prefix("///") {
            docs.push(doc);
            continue;
        }
        if line.starts_with("#[") {
            continue;
        }
        let within = around.filter(|(outside, ..)| indent > *outside);
        // What a trait has is as public as the trait.
        let method = within.filter(|(.., is_trait)| *is_trait).and_then(|_| line.strip_prefix("fn "));
        if let Some((kind, name)) = declared(line).or(method.map(|rest| ("fn", word(rest)))) {
            let is_part = ["fn", "type", "const"].contains(&kind);
            let owner = within.filter(|_| is_part).map(|(_, owner, _)| owner.to_owned());
            let example = code(docs.iter().copied());
            items.push(Item { line: at + 1, name: name.to_owned(), owner, example });
            if kind == "trait" {
                around = Some((indent, name, true));
            }
        } else if let Some(of) = implemented(line) {
            around = Some((indent, of, false));
            let example = code(docs.iter().copied());
            if !example.is_empty() {
                items.push(Item { line: at + 1, name: of.to_owned(), owner: Some(of.to_owned()), example });
            }
        }
        docs.clear();
    }
    items
}

fn lacking(path: &Path, text: &str) -> Vec<String> {
    let items = items(text);
    let module = code(text.lines().filter_map(|line| line.strip_prefix("//!")));
    let all = |of: &dyn Fn(&Item) -> bool| {
        let examples = items.iter().filter(|item| of(item)).map(|item| item.example.as_str());
        examples.chain([module.as_str()]).collect::<String>()
    };
    let is_shown = |item: &&Item| match &item.owner {
        _ if !item.example.is_empty() => true,
        // A name that a macro fills in: its examples stand where it is used.
        Some(owner) if !owner.starts_with('$') => {
            let beside = |other: &Item| other.owner.as_ref() == Some(owner) || other.name == *owner;
            names(&all(&beside), &item.name)
        }
        _ if item.name.starts_with('$') => true,
        _ => names(&all(&|_| true), &item.name),
    };
    let lacking = items.iter().filter(|item| !is_shown(item));
    lacking.map(|item| format!("{}:{} {}", path.display(), item.line, item.name)).collect()
}

#[test]
fn each_public_item_has_an_example() {
    let (mut lack, mut count) = (Vec::new(), 0);
    for (path, text) in sources() {
        count += items(&text).len();
        lack.extend(lacking(&path, &text));
    }
    assert!(count > 300, "{count} items are found");
    assert!(lack.is_empty(), "without an example:\n{}", lack.join("\n"));
}

#[test]
fn each_public_module_has_an_example() {
    let sources = sources();
    let mut count = 0;
    for (path, text) in &sources {
        for name in text.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')) {
            let dir = path.with_file_name("");
            let files = [dir.join(format!("{name}.rs")), dir.join(name).join("mod.rs")];
            let (_, text) = sources.iter().find(|(path, _)| files.contains(path)).unwrap();
            assert!(text.contains("//! ```\n"), "the module {name} has no example");
            count += 1;
        }
    }
    assert!(count > 10, "{count} modules are found");
}

#[test]
fn what_lacks_an_example_is_noticed() {
    let source = "
        /// ```
        /// shown(One::new());
        /// ```
        pub struct One;
        impl One {
            pub const fn new() -> Self
            pub fn hidden(&self)
            pub(crate) fn inner()
        }
        impl<T: Fn() -> U> Two<T> {
            pub fn new() -> Self
        }
        pub fn shown(one: One)
        /// ```compile_fail
        /// traits();
        /// ```
        pub fn traits()
        pub trait Known {
            fn known(&self);
        }
        mod sealed {
            pub trait Unseen;

            pub fn unseen()
        }
        /// ```
        /// fn of(it: impl Known)
        /// ```
        pub enum Named {}
        ";
    let found = lacking(Path::new(""), source);
    let found: Vec<_> = found.iter().map(|item| item.rsplit(' ').next().unwrap()).collect();
    assert_eq!(found, ["hidden", "new", "traits", "known"]);
}
