-- SPDX-License-Identifier: Apache-2.0
-- Copyright the Sluice authors
--
-- RFC 2544 throughput: for each frame size the highest rate without loss.
--   SIZES (64 … 1518), FLOWS (the first of the list)
local kit = require("kit")

kit.main(function()
  for _, size in ipairs(kit.sizes) do
    kit.say("%d-byte frames", size)
    local flows = kit.setup(size, kit.flow_counts[1])
    kit.warm_up(size, flows)
    kit.result("rfc2544", size, flows, kit.search())
  end
end)
