//! Names of functions and tags, from the custom section `name` (core specification, appendix
//! "Custom Sections").
//!
//! A damaged name section is not an error of the module: what was read before the damage is kept.

use super::{FuncIndex, GlobalIndex, TagIndex, TypeIndex};
use cranelift_entity::{EntityRef, SecondaryMap};
use std::collections::HashMap;
use wasmparser::{BinaryReader, IndirectNameMap, Name, NameSectionReader};

#[derive(Default)]
pub struct Names<'a> {
    module: Option<&'a str>,
    functions: SecondaryMap<FuncIndex, Option<&'a str>>,
    tags: SecondaryMap<TagIndex, Option<&'a str>>,
    /// The numbers may be those of no types.
    types: HashMap<TypeIndex, &'a str>,
    /// The global that wasm-ld names `__stack_pointer`.
    stack_pointer: Option<GlobalIndex>,
    /// Names of parameters and other locals, which are decoded on demand.
    locals: Option<IndirectNameMap<'a>>,
}

impl<'a> Names<'a> {
    /// Reads the section's contents. Indices from `n_functions` or `n_tags` on are ignored.
    pub fn read(&mut self, reader: BinaryReader<'a>, n_functions: usize, n_tags: usize) {
        for subsection in NameSectionReader::new(reader) {
            match subsection {
                Ok(Name::Module { name, .. }) => self.module = Some(name),
                Ok(Name::Function(map)) => {
                    for naming in map.into_iter().map_while(Result::ok) {
                        if (naming.index as usize) < n_functions {
                            self.functions[FuncIndex::from_u32(naming.index)] = Some(naming.name);
                        }
                    }
                }
                Ok(Name::Tag(map)) => {
                    for naming in map.into_iter().map_while(Result::ok) {
                        if (naming.index as usize) < n_tags {
                            self.tags[TagIndex::from_u32(naming.index)] = Some(naming.name);
                        }
                    }
                }
                Ok(Name::Type(map)) => {
                    let namings = map.into_iter().map_while(Result::ok);
                    self.types = namings.map(|naming| (TypeIndex::from_u32(naming.index), naming.name)).collect();
                }
                Ok(Name::Global(map)) => {
                    let mut namings = map.into_iter().map_while(Result::ok);
                    let found = namings.find(|naming| naming.name == "__stack_pointer");
                    self.stack_pointer = found.map(|naming| GlobalIndex::from_u32(naming.index));
                }
                Ok(Name::Local(map)) => self.locals = Some(map),
                Ok(_) => {}
                Err(_) => return,
            }
        }
    }

    pub fn module(&self) -> Option<&'a str> {
        self.module
    }

    pub fn function(&self, func: FuncIndex) -> Option<&'a str> {
        self.functions.get(func).copied().flatten()
    }

    pub fn ty(&self, ty: TypeIndex) -> Option<&'a str> {
        self.types.get(&ty).copied()
    }

    pub fn tag(&self, tag: TagIndex) -> Option<&'a str> {
        self.tags.get(tag).copied().flatten()
    }

    /// The global in which code that wasm-ld has linked keeps the end of the C stack. The number
    /// may be that of no global.
    pub fn stack_pointer(&self) -> Option<GlobalIndex> {
        self.stack_pointer
    }

    /// Names of the first `n` parameters of a function.
    pub fn parameters(&self, func: FuncIndex, n: usize) -> Vec<Option<&'a str>> {
        let mut names = vec![None; n];
        let functions = self.locals.clone().into_iter().flatten().map_while(Result::ok);
        for function in functions.filter(|function| function.index == func.as_u32()) {
            for naming in function.names.map_while(Result::ok) {
                if let Some(name) = names.get_mut(naming.index as usize) {
                    *name = Some(naming.name);
                }
            }
        }
        names
    }

    /// Names a tag that has no name.
    pub fn suggest_tag(&mut self, tag: TagIndex, name: &'a str) {
        self.tags[tag].get_or_insert(name);
    }

    /// Names a function that has no name.
    pub fn suggest(&mut self, func: FuncIndex, name: &'a str) {
        debug_assert!(func.index() < u32::MAX as usize);
        self.functions[func].get_or_insert(name);
    }
}
