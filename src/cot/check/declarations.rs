//! Everything that the program declares, by number and by name. Filled before bodies are checked;
//! blocks add their own types later.

use std::collections::{HashMap, HashSet};
use std::ops::{Index, IndexMut};
use std::rc::Rc;

use crate::cot::check::model::{FunctionDecl, FunctionDeclId, Item, ItemId, Owner, VariableDecl, VariableId, Visible};

#[derive(Default)]
pub(super) struct Declarations<'a> {
    items: Vec<Item<'a>>,
    functions: Vec<FunctionDecl<'a>>,
    variables: Vec<VariableDecl<'a>>,
    /// Per file, by name.
    visible: Vec<HashMap<Rc<str>, Visible>>,
    /// Names of all files but the prelude, for files whose imports do not give a name.
    everywhere: HashMap<Rc<str>, Visible>,
    /// The file that only the compiler refers to.
    prelude: Option<usize>,
    methods: HashMap<(Owner, Rc<str>), FunctionDeclId>,
    constants: HashMap<(Owner, Rc<str>), VariableId>,
    nested: HashMap<(ItemId, Rc<str>), ItemId>,
    trait_impls: HashSet<(ItemId, Owner)>,
}

impl<'a> Declarations<'a> {
    pub fn add_item(&mut self, item: Item<'a>) -> ItemId {
        self.items.push(item);
        ItemId(self.items.len() as u32 - 1)
    }

    /// Changes what errors and types call an item.
    pub fn rename(&mut self, item: ItemId, full_name: String) {
        self.items[item.0 as usize].full_name = full_name;
    }

    pub fn add_function(&mut self, function: FunctionDecl<'a>) -> FunctionDeclId {
        self.functions.push(function);
        FunctionDeclId(self.functions.len() as u32 - 1)
    }

    pub fn add_variable(&mut self, variable: VariableDecl<'a>) -> VariableId {
        self.variables.push(variable);
        VariableId(self.variables.len() as u32 - 1)
    }

    /// All items that are declared by now.
    pub fn items(&self) -> impl Iterator<Item = ItemId> + use<> {
        (0..self.items.len() as u32).map(ItemId)
    }

    /// All functions that are declared by now.
    pub fn functions(&self) -> impl Iterator<Item = FunctionDeclId> + use<> {
        (0..self.functions.len() as u32).map(FunctionDeclId)
    }

    /// All variables that are declared by now.
    pub fn variables(&self) -> impl Iterator<Item = VariableId> + use<> {
        (0..self.variables.len() as u32).map(VariableId)
    }

    /// Begins the next file; its names are those of the index that is the number of files so far.
    pub fn add_file(&mut self) {
        self.visible.push(HashMap::new());
    }

    /// Names of the top level that each file sees, by the file's index.
    pub fn visible_names(&self) -> &[HashMap<Rc<str>, Visible>] {
        &self.visible
    }

    pub fn set_visible_names(&mut self, file: usize, names: HashMap<Rc<str>, Visible>) {
        self.visible[file] = names;
    }

    pub fn set_everywhere(&mut self, names: HashMap<Rc<str>, Visible>, prelude: Option<usize>) {
        (self.everywhere, self.prelude) = (names, prelude);
    }

    /// What a name stands for in a file: what it declares or imports, else what any file of the
    /// program declares.
    pub fn seen(&self, file: usize, name: &str) -> Option<Visible> {
        let elsewhere = || self.everywhere.get(name).copied().filter(|_| self.prelude != Some(file));
        self.visible(file, name).or_else(elsewhere)
    }

    /// What a file declares or imports under a name.
    pub fn visible(&self, file: usize, name: &str) -> Option<Visible> {
        self.visible[file].get(name).copied()
    }

    pub fn set_visible(&mut self, file: usize, name: &Rc<str>, item: ItemId) {
        self.visible[file].insert(name.clone(), Visible::One(item));
    }

    pub fn method(&self, owner: Owner, name: &Rc<str>) -> Option<FunctionDeclId> {
        self.methods.get(&(owner, name.clone())).copied()
    }

    /// All methods of all types, in no order.
    pub fn methods(&self) -> impl Iterator<Item = (Owner, &Rc<str>, FunctionDeclId)> {
        self.methods.iter().map(|((owner, name), id)| (*owner, name, *id))
    }

    /// The method that had this name before, if there was one.
    pub fn add_method(&mut self, owner: Owner, name: &Rc<str>, id: FunctionDeclId) -> Option<FunctionDeclId> {
        self.methods.insert((owner, name.clone()), id)
    }

    pub fn constant(&self, owner: Owner, name: &Rc<str>) -> Option<VariableId> {
        self.constants.get(&(owner, name.clone())).copied()
    }

    /// The constant that had this name before, if there was one.
    pub fn add_constant(&mut self, owner: Owner, name: &Rc<str>, id: VariableId) -> Option<VariableId> {
        self.constants.insert((owner, name.clone()), id)
    }

    /// A type that is declared in the body of another one.
    pub fn nested(&self, outer: ItemId, name: &Rc<str>) -> Option<ItemId> {
        self.nested.get(&(outer, name.clone())).copied()
    }

    /// The nested type that had this name before, if there was one.
    pub fn add_nested(&mut self, outer: ItemId, name: &Rc<str>, item: ItemId) -> Option<ItemId> {
        self.nested.insert((outer, name.clone()), item)
    }

    pub fn nested_types(&self, outer: ItemId) -> impl Iterator<Item = ItemId> {
        self.nested.iter().filter(move |((of, _), _)| *of == outer).map(|(_, item)| *item)
    }

    pub fn constants_of(&self, owner: Owner) -> impl Iterator<Item = VariableId> {
        self.constants.iter().filter(move |((of, _), _)| *of == owner).map(|(_, id)| *id)
    }

    pub fn add_trait_impl(&mut self, of_trait: ItemId, owner: Owner) {
        self.trait_impls.insert((of_trait, owner));
    }

    pub fn has_trait(&self, owner: Owner, of_trait: ItemId) -> bool {
        self.trait_impls.contains(&(of_trait, owner))
    }

    /// Traits and the types that have them, in an order that does not change from run to run.
    pub fn trait_impls(&self) -> Vec<(ItemId, Owner)> {
        let mut impls: Vec<(ItemId, Owner)> = self.trait_impls.iter().copied().collect();
        impls.sort_by_key(|(item, owner)| (*item, format!("{owner:?}")));
        impls
    }
}

impl<'a> Index<ItemId> for Declarations<'a> {
    type Output = Item<'a>;

    fn index(&self, id: ItemId) -> &Item<'a> {
        &self.items[id.0 as usize]
    }
}

impl<'a> Index<FunctionDeclId> for Declarations<'a> {
    type Output = FunctionDecl<'a>;

    fn index(&self, id: FunctionDeclId) -> &FunctionDecl<'a> {
        &self.functions[id.0 as usize]
    }
}

impl<'a> IndexMut<FunctionDeclId> for Declarations<'a> {
    fn index_mut(&mut self, id: FunctionDeclId) -> &mut FunctionDecl<'a> {
        &mut self.functions[id.0 as usize]
    }
}

impl<'a> Index<VariableId> for Declarations<'a> {
    type Output = VariableDecl<'a>;

    fn index(&self, id: VariableId) -> &VariableDecl<'a> {
        &self.variables[id.0 as usize]
    }
}

impl<'a> IndexMut<VariableId> for Declarations<'a> {
    fn index_mut(&mut self, id: VariableId) -> &mut VariableDecl<'a> {
        &mut self.variables[id.0 as usize]
    }
}
