. "$PROJECT/tests/docs/setup/common.sh"
hello hello.wasm
cat_module cat.wasm
echo "some text" >note.txt
