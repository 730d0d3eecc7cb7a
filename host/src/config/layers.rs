//! The sources of a configuration, laid over each other, and where each value came from.

use std::fmt;
use std::path::PathBuf;

use serde_json::{Map, Value};

use super::Config;
use super::mistakes::{Mistake, Mistakes};

/// Where to look.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The file; none for no file.
    pub file: Option<PathBuf>,
    /// The environment, as name and value.
    pub env: Vec<(String, String)>,
    /// What flags say.
    pub flags: Vec<Flag>,
}

/// A flag that sets a key.
#[derive(Debug, Clone, PartialEq)]
pub struct Flag {
    /// As it is written: `--http`.
    pub flag: &'static str,
    /// The key it sets: `http.listen`.
    pub key: &'static str,
    /// The value.
    pub value: Value,
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A file.
    File(PathBuf),
    /// An environment variable.
    Env(String),
    /// A flag.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Env(name) => write!(f, "environment variable {name}"),
            Self::Flag(flag) => write!(f, "flag {flag}"),
        }
    }
}

/// A key, level by level.
pub type Path = Vec<String>;

/// All sources as one tree, and who set what.
#[derive(Debug, Clone, Default)]
pub struct Layers {
    /// The values.
    pub tree: Value,
    /// Keys that flags and variables set, with the text they were given as; later ones win.
    set: Vec<(Path, Origin, Option<String>)>,
    file: Option<PathBuf>,
}

impl Layers {
    /// Lays the sources over each other: file, environment, flags.
    ///
    /// # Errors
    /// A file that cannot be read or is no TOML.
    pub fn stack(sources: &Sources) -> Result<Self, Mistakes> {
        let tree = match &sources.file {
            Some(path) => read_file(path)?,
            None => Value::Object(Map::new()),
        };
        let mut layers = Self { tree, set: Vec::new(), file: sources.file.clone() };
        let sections = Config::default().tree();
        let mut env = sources.env.clone();
        env.sort();
        for (name, text) in env {
            if let Some(path) = variable_path(&name, &sections) {
                layers.put(path, typed(&text), Origin::Env(name), Some(text));
            }
        }
        for flag in &sources.flags {
            let path = flag.key.split('.').map(str::to_owned).collect();
            layers.put(path, flag.value.clone(), Origin::Flag(flag.flag), None);
        }
        Ok(layers)
    }

    /// Where the value of a key came from.
    pub fn origin(&self, path: &[String]) -> Option<Origin> {
        let set = self.set.iter().rev().find(|(set, ..)| path.starts_with(set) || set.starts_with(path));
        set.map(|(_, origin, _)| origin.clone()).or_else(|| self.file.clone().map(Origin::File))
    }

    /// Takes a variable's text as it stands where its typed reading did not fit; once per key.
    pub fn retry_as_text(&mut self, path: &[String]) -> bool {
        let Some((set, _, text)) = self.set.iter_mut().rev().find(|(set, ..)| set == path) else { return false };
        let Some(text) = text.take() else { return false };
        if lookup(&self.tree, set).is_some_and(Value::is_string) {
            return false;
        }
        let path = set.clone();
        insert(&mut self.tree, &path, Value::String(text));
        true
    }

    fn put(&mut self, path: Path, value: Value, origin: Origin, text: Option<String>) {
        insert(&mut self.tree, &path, value);
        self.set.push((path, origin, text));
    }
}

/// The key a variable stands for; none where it begins with no section's name: clusters and clients set such too.
fn variable_path(name: &str, sections: &Value) -> Option<Path> {
    let rest = name.strip_prefix("INTERLOCK_")?.to_ascii_lowercase();
    let (section, key) = rest.split_once('_')?;
    sections.get(section)?;
    Some(std::iter::once(section.to_owned()).chain(key.split("__").map(str::to_owned)).collect())
}

/// A variable's text as the TOML value it looks like, else as text.
fn typed(text: &str) -> Value {
    let line = format!("value = {text}");
    match toml::from_str::<Map<String, Value>>(&line) {
        Ok(mut table) if table.len() == 1 => table.remove("value").unwrap_or_else(|| Value::from(text)),
        _ => Value::from(text),
    }
}

fn read_file(path: &std::path::Path) -> Result<Value, Mistakes> {
    let origin = Origin::File(path.to_owned());
    let text = std::fs::read_to_string(path).map_err(|error| {
        Mistake::whole(&origin, format!("cannot be read ({error}); name a readable file with --config"))
    })?;
    toml::from_str(&text).map_err(|error| {
        let line =
            error.span().map_or(1, |span| text.bytes().take(span.start).filter(|byte| *byte == b'\n').count() + 1);
        let what = error.message().trim().replace('\n', "; ");
        Mistake::whole(&origin, format!("line {line} is no TOML: {what}")).into()
    })
}

/// The value at a key.
pub fn lookup<'a>(tree: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(tree, |tree, key| tree.get(key))
}

fn insert(tree: &mut Value, path: &[String], value: Value) {
    let Some((last, above)) = path.split_last() else { return };
    let mut level = tree;
    for key in above {
        if !level.is_object() {
            *level = Value::Object(Map::new());
        }
        let Some(map) = level.as_object_mut() else { return };
        level = map.entry(key.clone()).or_insert_with(|| Value::Object(Map::new()));
    }
    if !level.is_object() {
        *level = Value::Object(Map::new());
    }
    if let Some(map) = level.as_object_mut() {
        map.insert(last.clone(), value);
    }
}
