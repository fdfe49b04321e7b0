cp -r "$PROJECT/fixtures/cot/self" self
cp -r "$PROJECT/src/cot/std" std
