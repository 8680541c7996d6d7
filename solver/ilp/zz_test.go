package ilp_test
import ("testing";"caravan/solver/solvertest")
func TestBig(t *testing.T){
 solvertest.Test(t, newILP, solvertest.Options{Proves: true, Graphs: true, Several: true, Instances: 1500})
}
