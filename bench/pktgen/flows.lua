-- SPDX-License-Identifier: Apache-2.0
-- Copyright the Sluice authors
--
-- How the no-drop rate falls with the number of established flows.
--   FLOWS=1000,100000,1000000, SIZES (the first of the list)
local kit = require("kit")

kit.main(function()
  local size = kit.sizes[1]
  for _, count in ipairs(kit.flow_counts) do
    local flows = kit.setup(size, count)
    kit.say("%d flows of %d-byte frames", flows, size)
    kit.warm_up(size, flows)
    kit.result("flows", size, flows, kit.search())
  end
end)
