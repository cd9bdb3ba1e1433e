// Graphs once they have been captured.
#include "graph.hpp"

using namespace emu;

static CUresult instantiate(const char *function, CUgraphExec *out, CUgraph handle) {
    Call call(function);
    if (call.refusal) return call.refusal;
    auto graph = world().graphs.find(handle);
    if (!graph) return call.no_such("graph", handle);
    auto exec = std::make_shared<GraphExec>();
    exec->nodes = graph->nodes;
    exec->context = call.context;
    *out = world().execs.add<CUgraphExec>(exec);
    return CUDA_SUCCESS;
}

EMU_API CUresult cuGraphInstantiateWithFlags(CUgraphExec *exec, CUgraph graph, unsigned long long) {
    return instantiate(__func__, exec, graph);
}

#undef cuGraphInstantiate
EMU_API CUresult cuGraphInstantiate(CUgraphExec *exec, CUgraph graph, CUgraphNode *, char *, size_t) {
    return instantiate(__func__, exec, graph);
}

EMU_API CUresult cuGraphInstantiate_v2(CUgraphExec *exec, CUgraph graph, CUgraphNode *, char *, size_t) {
    return instantiate(__func__, exec, graph);
}

EMU_API CUresult cuGraphUpload(CUgraphExec handle, CUstream) {
    Call call(__func__);
    if (call.refusal) return call.refusal;
    return world().execs.find(handle) ? CUDA_SUCCESS : call.no_such("executable graph", handle);
}

EMU_API CUresult cuGraphLaunch(CUgraphExec handle, CUstream stream_handle) {
    Call call(__func__);
    if (call.refusal) return call.refusal;
    auto exec = world().execs.find(handle);
    if (!exec) return call.no_such("executable graph", handle);
    if (exec->context.lock() != call.context)
        return call.violation("foreign-context", "the graph belongs to another context than the current.",
                              CUDA_ERROR_INVALID_CONTEXT);
    CUresult result = CUDA_SUCCESS;
    StreamPtr stream = find_stream(call, stream_handle, result);
    if (!stream) return result;
    if (stream->capture)
        return call.violation("unsupported", "graphs inside graphs are not emulated.",
                              CUDA_ERROR_NOT_SUPPORTED);
    std::vector<Work> works;
    for (const Node &node : exec->nodes) works.push_back(node.work);
    std::vector<OperationPtr> after;
    if (exec->last) after.push_back(exec->last);
    return enqueue(call, stream, std::move(works), std::move(after), &exec->last);
}

EMU_API CUresult cuGraphExecDestroy(CUgraphExec handle) {
    Call call(__func__);
    auto exec = world().execs.find(handle);
    if (exec && (!call.refusal || call.gone)) world().execs.remove(handle);
    if (call.refusal) return call.refusal;
    if (!exec) return call.no_such("executable graph", handle);
    if (exec->last && !host_knows(exec->last->stream, exec->last->tick))
        call.violation("freed-in-use", "the graph may still be running: wait for it first.", CUDA_SUCCESS);
    return CUDA_SUCCESS;
}

EMU_API CUresult cuGraphDestroy(CUgraph handle) {
    Call call(__func__);
    auto graph = world().graphs.find(handle);
    if (graph && (!call.refusal || call.gone)) world().graphs.remove(handle);
    if (call.refusal) return call.refusal;
    return graph ? CUDA_SUCCESS : call.no_such("graph", handle);
}

EMU_API CUresult cuGraphGetNodes(CUgraph handle, CUgraphNode *nodes, size_t *count) {
    Call call(__func__);
    if (call.refusal) return call.refusal;
    auto graph = world().graphs.find(handle);
    if (!graph) return call.no_such("graph", handle);
    if (nodes)
        return call.violation("unsupported", "the nodes of a graph can only be counted.",
                              CUDA_ERROR_NOT_SUPPORTED);
    *count = graph->nodes.size();
    return CUDA_SUCCESS;
}
