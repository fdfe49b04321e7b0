//! Parsing: bytes to [`Module`], with `wasmparser`. Everything except function bodies is validated
//! here. Unknown custom sections are ignored.

use super::constant;
use super::hints::BranchHints;
use super::names::Names;
use super::structure;
use super::{
    Data, DataMode, Definition, Element, ElementItems, ElementMode, EntityIndex, Export, FuncIndex, Function, Global,
    GlobalIndex, ImportName, Memory, MemoryIndex, Module, Table, TableIndex, Tag, TagIndex, TypeIndex,
};
use anyhow::{Result, bail};
use cranelift_entity::{EntityRef, PrimaryMap};
use std::collections::HashMap;
use wasmparser::types::TypesRef;
use wasmparser::{
    ExternalKind, KnownCustom, Parser, Payload, TableInit, TypeRef, ValidPayload, Validator, WasmFeatures,
};

/// Decodes `wasm`, which may use `features` (see [`super::unsupported::features`]).
///
/// # Errors
/// When the module is malformed or invalid outside of function bodies: message with byte offset.
pub fn parse(wasm: &[u8], features: WasmFeatures) -> Result<Module<'_>> {
    if u32::try_from(wasm.len()).is_err() {
        bail!("the module has {} bytes; at most {} are supported", wasm.len(), u32::MAX);
    }
    let mut validator = Validator::new_with_features(features);
    let mut builder = Builder {
        module: Module {
            types: PrimaryMap::new(),
            type_names: PrimaryMap::new(),
            functions: PrimaryMap::new(),
            tables: PrimaryMap::new(),
            memories: PrimaryMap::new(),
            globals: PrimaryMap::new(),
            tags: PrimaryMap::new(),
            exports: Vec::new(),
            start: None,
            elements: PrimaryMap::new(),
            data: PrimaryMap::new(),
            names: Names::default(),
            custom: Vec::new(),
            hints: BranchHints::default(),
            resources: None,
            features,
            type_ids: HashMap::new(),
        },
        declared: Vec::new().into_iter(),
        name_section: None,
    };
    let mut parser = Parser::new(0);
    // Some proposals show in the encoding only, so the validator does not detect them.
    parser.set_features(features);
    for payload in parser.parse_all(wasm) {
        let payload = payload?;
        match validator.payload(&payload)? {
            ValidPayload::Func(func, body) => {
                builder.module.resources.get_or_insert(func.resources);
                builder.body(body);
            }
            ValidPayload::Parser(_) => bail!("components are not supported, only core modules"),
            ValidPayload::End(types) => builder.identify(types.as_ref()),
            ValidPayload::Ok => builder.payload(payload)?,
        }
    }
    Ok(builder.finish())
}

struct Builder<'a> {
    module: Module<'a>,
    /// Types of the defined functions whose bodies have not been read yet.
    declared: std::vec::IntoIter<TypeIndex>,
    name_section: Option<wasmparser::BinaryReader<'a>>,
}

impl<'a> Builder<'a> {
    fn payload(&mut self, payload: Payload<'a>) -> Result<()> {
        let module = &mut self.module;
        match payload {
            Payload::TypeSection(section) => {
                for group in section {
                    let start = module.types.len();
                    for ty in group?.into_types() {
                        module.types.push(ty);
                    }
                    structure::name_group(&module.types, start, &mut module.type_names);
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    self.import(import?)?;
                }
            }
            Payload::FunctionSection(section) => {
                let types = section.into_iter().map(|ty| Ok(TypeIndex::from_u32(ty?)));
                self.declared = types.collect::<Result<Vec<_>>>()?.into_iter();
            }
            Payload::TableSection(section) => {
                for table in section {
                    let table = table?;
                    let init = match table.init {
                        TableInit::RefNull => None,
                        TableInit::Expr(expr) => Some(expr),
                    };
                    module.tables.push(Table { ty: table.ty, definition: Definition::Local(init) });
                }
            }
            Payload::MemorySection(section) => {
                for ty in section {
                    module.memories.push(Memory { ty: ty?, definition: Definition::Local(()) });
                }
            }
            Payload::TagSection(section) => {
                for tag in section {
                    let ty = TypeIndex::from_u32(tag?.func_type_idx);
                    module.tags.push(Tag { ty, definition: Definition::Local(()) });
                }
            }
            Payload::GlobalSection(section) => {
                for global in section {
                    let global = global?;
                    let value = constant::evaluate(module, &global.init_expr);
                    module.globals.push(Global {
                        ty: global.ty,
                        value,
                        definition: Definition::Local(global.init_expr),
                    });
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export?;
                    let entity = match export.kind {
                        ExternalKind::Func | ExternalKind::FuncExact => {
                            EntityIndex::Function(FuncIndex::from_u32(export.index))
                        }
                        ExternalKind::Table => EntityIndex::Table(TableIndex::from_u32(export.index)),
                        ExternalKind::Memory => EntityIndex::Memory(MemoryIndex::from_u32(export.index)),
                        ExternalKind::Global => EntityIndex::Global(GlobalIndex::from_u32(export.index)),
                        ExternalKind::Tag => EntityIndex::Tag(TagIndex::from_u32(export.index)),
                    };
                    module.exports.push(Export { name: export.name, entity });
                }
            }
            Payload::StartSection { func, .. } => module.start = Some(FuncIndex::from_u32(func)),
            Payload::ElementSection(section) => {
                for element in section {
                    self.element(element?)?;
                }
            }
            Payload::DataSection(section) => {
                for data in section {
                    let data = data?;
                    let mode = match data.kind {
                        wasmparser::DataKind::Passive => DataMode::Passive,
                        wasmparser::DataKind::Active { memory_index, offset_expr } => {
                            DataMode::Active { memory: MemoryIndex::from_u32(memory_index), offset: offset_expr }
                        }
                    };
                    module.data.push(Data { mode, bytes: data.data });
                }
            }
            Payload::CustomSection(section) => match section.as_known() {
                KnownCustom::Name(_) => {
                    self.name_section = Some(wasmparser::BinaryReader::new(section.data(), section.data_offset()));
                }
                KnownCustom::Unknown => module.custom.push((section.name(), section.data())),
                KnownCustom::BranchHints(hints) => module.hints = BranchHints::read(hints),
                _ => {}
            },
            _ => {}
        }
        Ok(())
    }

    fn identify(&mut self, types: TypesRef) {
        for (index, _) in &self.module.types {
            self.module.type_ids.entry(types.core_type_at_in_module(index.as_u32())).or_insert(index);
        }
    }

    fn import(&mut self, import: wasmparser::Import<'a>) -> Result<()> {
        let module = &mut self.module;
        let name = ImportName { module: import.module, name: import.name };
        match import.ty {
            TypeRef::Func(ty) | TypeRef::FuncExact(ty) => {
                let ty = TypeIndex::from_u32(ty);
                module.functions.push(Function { ty, definition: Definition::Import(name) });
            }
            TypeRef::Table(ty) => {
                module.tables.push(Table { ty, definition: Definition::Import(name) });
            }
            TypeRef::Memory(ty) => {
                module.memories.push(Memory { ty, definition: Definition::Import(name) });
            }
            TypeRef::Global(ty) => {
                module.globals.push(Global { ty, value: None, definition: Definition::Import(name) });
            }
            TypeRef::Tag(ty) => {
                let ty = TypeIndex::from_u32(ty.func_type_idx);
                module.tags.push(Tag { ty, definition: Definition::Import(name) });
            }
        }
        Ok(())
    }

    fn element(&mut self, element: wasmparser::Element<'a>) -> Result<()> {
        let mode = match element.kind {
            wasmparser::ElementKind::Passive => ElementMode::Passive,
            wasmparser::ElementKind::Declared => ElementMode::Declared,
            wasmparser::ElementKind::Active { table_index, offset_expr } => {
                ElementMode::Active { table: TableIndex::from_u32(table_index.unwrap_or(0)), offset: offset_expr }
            }
        };
        let (ty, items) = match element.items {
            wasmparser::ElementItems::Functions(section) => {
                let funcs = section.into_iter().map(|func| Ok(FuncIndex::from_u32(func?)));
                (wasmparser::RefType::FUNCREF, ElementItems::Functions(funcs.collect::<Result<_>>()?))
            }
            wasmparser::ElementItems::Expressions(ty, section) => {
                (ty, ElementItems::Expressions(section.into_iter().collect::<Result<_, _>>()?))
            }
        };
        self.module.elements.push(Element { mode, ty, items });
        Ok(())
    }

    fn body(&mut self, body: wasmparser::FunctionBody<'a>) {
        let ty = self.declared.next().expect("validated: as many bodies as declarations");
        self.module.functions.push(Function { ty, definition: Definition::Local(body) });
    }

    /// Names functions and tags by the name section, then by their exports, then by their imports.
    fn finish(mut self) -> Module<'a> {
        let module = &mut self.module;
        if let Some(section) = self.name_section {
            module.names.read(section, module.functions.len(), module.tags.len());
        }
        for export in &module.exports {
            match export.entity {
                EntityIndex::Function(func) => module.names.suggest(func, export.name),
                EntityIndex::Tag(tag) => module.names.suggest_tag(tag, export.name),
                _ => {}
            }
        }
        for index in 0..module.functions.len() {
            let func = FuncIndex::new(index);
            if let Some(import) = module.functions[func].definition.import() {
                module.names.suggest(func, import.name);
            }
        }
        for (index, tag) in &module.tags {
            if let Some(import) = tag.definition.import() {
                module.names.suggest_tag(index, import.name);
            }
        }
        self.module
    }
}
